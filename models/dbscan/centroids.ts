/** Stands in for a cluster of any shape by centroids with their own spread. */

export interface Centroid {
  readonly center: Float64Array;
  /** Standard deviation of its members in each dimension, floored. */
  readonly spread: Float64Array;
  readonly members: number;
}

/** Spread below this in a scaled dimension says that nothing varied, not that nothing may. */
export const SMALLEST_SPREAD = 0.2;
/** A part longer than this, in standard deviations along its longest axis against the mean, is cut in two. */
const ELONGATED = 2;
const POWER_ITERATIONS = 24;

/**
 * Cuts a cluster along its longest axis until its parts are about as long as they are wide, or too small to cut.
 * Boley: Principal direction divisive partitioning (Data Mining and Knowledge Discovery 2, 1998).
 * @param members rows of the cluster
 * @param smallest members that a part must keep
 * @param most centroids returned at most
 */
export function centroidsOf(
  rows: Float64Array,
  width: number,
  members: readonly number[],
  smallest: number,
  most: number,
): Centroid[] {
  const parts: number[][] = [[...members]];
  const done: number[][] = [];
  while (parts.length > 0) {
    const part = parts.shift() as number[];
    const cut =
      parts.length + done.length + 1 < most && part.length >= 2 * smallest ? cutElongated(rows, width, part) : null;
    if (cut?.every((half) => half.length >= smallest)) parts.push(...cut);
    else done.push(part);
  }
  return done.map((part) => centroid(rows, width, part));
}

function centroid(rows: Float64Array, width: number, members: readonly number[]): Centroid {
  const { center, variance } = moments(rows, width, members);
  return {
    center,
    spread: variance.map((value) => Math.max(SMALLEST_SPREAD, Math.sqrt(value))),
    members: members.length,
  };
}

function moments(rows: Float64Array, width: number, members: readonly number[]) {
  const center = new Float64Array(width);
  const variance = new Float64Array(width);
  for (const row of members)
    for (let i = 0; i < width; i++) center[i]! += (rows[row * width + i] as number) / members.length;
  for (const row of members) {
    for (let i = 0; i < width; i++)
      variance[i]! += ((rows[row * width + i] as number) - (center[i] as number)) ** 2 / members.length;
  }
  return { center, variance };
}

/** Two halves by the side of the centre on the longest axis, or null where the part is round enough. */
function cutElongated(rows: Float64Array, width: number, members: readonly number[]): number[][] | null {
  const { center, variance } = moments(rows, width, members);
  const total = variance.reduce((sum, value) => sum + value, 0);
  const { axis, length } = longestAxis(rows, width, members, center);
  const rest = (total - length) / Math.max(1, width - 1);
  if (
    length <= SMALLEST_SPREAD ** 2 * ELONGATED ** 2 ||
    length <= ELONGATED ** 2 * Math.max(rest, SMALLEST_SPREAD ** 2)
  )
    return null;
  const halves: number[][] = [[], []];
  for (const row of members) {
    let along = 0;
    for (let i = 0; i < width; i++)
      along += ((rows[row * width + i] as number) - (center[i] as number)) * (axis[i] as number);
    halves[along < 0 ? 0 : 1]?.push(row);
  }
  return halves;
}

/** The first principal axis and the variance along it, by power iteration. */
function longestAxis(rows: Float64Array, width: number, members: readonly number[], center: Float64Array) {
  let axis: Float64Array = new Float64Array(width).map((_, i) => 1 + i / (7 * width));
  let length = 0;
  for (let iteration = 0; iteration < POWER_ITERATIONS; iteration++) {
    const next = new Float64Array(width);
    for (const row of members) {
      let along = 0;
      for (let i = 0; i < width; i++)
        along += ((rows[row * width + i] as number) - (center[i] as number)) * (axis[i] as number);
      for (let i = 0; i < width; i++)
        next[i]! += (along * ((rows[row * width + i] as number) - (center[i] as number))) / members.length;
    }
    length = Math.hypot(...next);
    if (length === 0) break;
    axis = next.map((value) => value / length);
  }
  return { axis, length };
}
