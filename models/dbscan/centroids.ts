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

/** The density by which the cluster was found. */
export interface Density {
  readonly eps: number;
  readonly minSamples: number;
}

/**
 * Cuts a cluster along its longest axis until its parts are about as long as they are wide and not hollow, or too small to
 * cut. A part is hollow, as a ring is, where its centre would itself be no core point.
 * Boley: Principal direction divisive partitioning (Data Mining and Knowledge Discovery 2, 1998).
 * @param members rows of the cluster
 * @param density a part keeps at least `minSamples` members
 * @param most centroids returned at most
 */
export function centroidsOf(
  rows: Float64Array,
  width: number,
  members: readonly number[],
  density: Density,
  most: number,
): Centroid[] {
  const parts: number[][] = [[...members]];
  const done: number[][] = [];
  while (parts.length > 0) {
    const part = parts.shift() as number[];
    const halves =
      parts.length + done.length + 1 < most && part.length >= 2 * density.minSamples
        ? cut(rows, width, part, density)
        : null;
    if (halves?.every((half) => half.length >= density.minSamples)) parts.push(...halves);
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

/** Two halves by the side of the centre on the longest axis, or null where one centroid stands for the part. */
function cut(rows: Float64Array, width: number, members: readonly number[], density: Density): number[][] | null {
  const { center, variance } = moments(rows, width, members);
  const total = variance.reduce((sum, value) => sum + value, 0);
  const { axis, length } = longestAxis(rows, width, members, center);
  const rest = (total - length) / Math.max(1, width - 1);
  const elongated = length > ELONGATED ** 2 * Math.max(rest, SMALLEST_SPREAD ** 2);
  if (!elongated && isDense(rows, width, members, center, density)) return null;
  const halves: number[][] = [[], []];
  for (const row of members) {
    let along = 0;
    for (let i = 0; i < width; i++)
      along += ((rows[row * width + i] as number) - (center[i] as number)) * (axis[i] as number);
    halves[along < 0 ? 0 : 1]?.push(row);
  }
  return halves;
}

function isDense(
  rows: Float64Array,
  width: number,
  members: readonly number[],
  center: Float64Array,
  { eps, minSamples }: Density,
): boolean {
  let near = 0;
  for (const row of members) {
    let squared = 0;
    for (let i = 0; i < width; i++) squared += ((rows[row * width + i] as number) - (center[i] as number)) ** 2;
    if (squared <= eps * eps && ++near >= minSamples) return true;
  }
  return false;
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
