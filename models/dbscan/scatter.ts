/** Mean, scatter and longest axis of some of the rows of a table. */

export type Axis = Float64Array;

const POWER_ITERATIONS = 12;

/** @param rows row-major, n x width */
export function meanOf(rows: Float64Array, width: number, members: Uint32Array): Float64Array {
  const mean = new Float64Array(width);
  for (const row of members) for (let i = 0; i < width; i++) mean[i]! += rows[row * width + i] as number;
  return mean.map((sum) => sum / members.length);
}

/** Sum of the squared distances of the members from `center`. */
export function scatterOf(rows: Float64Array, width: number, members: Uint32Array, center: Float64Array): number {
  let sum = 0;
  for (const row of members)
    for (let i = 0; i < width; i++) sum += ((rows[row * width + i] as number) - (center[i] as number)) ** 2;
  return sum;
}

/** The first principal axis by power iteration, of length 1; null where there is no variance. */
export function longestAxis(
  rows: Float64Array,
  width: number,
  members: Uint32Array,
  center: Float64Array,
): Axis | null {
  let axis: Float64Array = new Float64Array(width).map((_, i) => 1 + i / (7 * width));
  for (let iteration = 0; iteration < POWER_ITERATIONS; iteration++) {
    const next = new Float64Array(width);
    for (const row of members) {
      let along = 0;
      for (let i = 0; i < width; i++)
        along += ((rows[row * width + i] as number) - (center[i] as number)) * (axis[i] as number);
      for (let i = 0; i < width; i++) next[i]! += along * ((rows[row * width + i] as number) - (center[i] as number));
    }
    const length = Math.hypot(...next);
    if (length === 0) return null;
    axis = next.map((value) => value / length);
  }
  return axis;
}
