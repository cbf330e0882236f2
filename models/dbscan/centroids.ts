/** Stands in for a cluster of any shape by many centroids, each with its own spread. */
import type { Pieces } from '../pauses.ts';
import { type Axis, longestAxis, meanOf, scatterOf } from './scatter.ts';

export interface Centroid {
  readonly center: Float64Array;
  /** Root mean square distance of its members from the centre in one dimension. */
  readonly spread: number;
  readonly members: number;
}

/** Spread below this in a scaled dimension says that nothing varied, not that nothing may. */
export const SMALLEST_SPREAD = 0.2;
/** Nor is a part cut that spreads less than this: float32 could not tell its halves apart, and the spread of both would be the smallest. */
const FINEST_SPREAD = SMALLEST_SPREAD / 10;
/** Parts of so few members are not cut further: one window is no place. */
const FEWEST_CUT = 5;
/** How much a part's own variance counts against that of all parts: a few members tell little of their spread. */
const OWN_VARIANCE = 0.1;
/** Rounds in which the members of two halves go to the nearer one. */
const REFINEMENTS = 3;
/** Rows in the parts that are cut in one piece. */
const PIECE_ROWS = 4000;

interface Part {
  readonly members: Uint32Array;
  readonly center: Float64Array;
  /** Sum of squared distances of the members from the centre. */
  readonly scatter: number;
}

/**
 * Cuts clusters in two along the longest axis, always the part with the largest scatter, until there are `most` parts or none
 * is worth a cut: bisecting k-means begun at the principal direction.
 * Boley: Principal direction divisive partitioning (Data Mining and Knowledge Discovery 2, 1998); Steinbach, Karypis, Kumar:
 * A comparison of document clustering techniques (KDD Workshop on Text Mining, 2000).
 * @param clusters rows of each cluster
 * @param most centroids returned at most, if there are no more clusters
 */
export function* centroidsOf(
  rows: Float64Array,
  width: number,
  clusters: readonly Uint32Array[],
  most: number,
): Pieces<Centroid[]> {
  const whole: Part[] = [];
  const open = clusters.filter(({ length }) => length > 0).map((members) => part(rows, width, members));
  let cutRows = 0;
  while (open.length > 0 && open.length + whole.length < most) {
    const widest = open.reduce((best, { scatter }, i) => (scatter > (open[best] as Part).scatter ? i : best), 0);
    const [chosen] = open.splice(widest, 1) as [Part];
    const halves = cut(rows, width, chosen);
    cutRows += chosen.members.length;
    if (cutRows > PIECE_ROWS) {
      cutRows = 0;
      yield;
    }
    if (halves) open.push(...halves.map((members) => part(rows, width, members)));
    else whole.push(chosen);
  }
  const parts = [...whole, ...open];
  const members = parts.reduce((sum, one) => sum + one.members.length, 0);
  const pooled = parts.reduce((sum, { scatter }) => sum + scatter, 0) / Math.max(1, members);
  return parts.map(({ center, scatter, members: { length } }) => {
    const variance = (OWN_VARIANCE * scatter) / length + (1 - OWN_VARIANCE) * pooled;
    return { center, spread: Math.max(SMALLEST_SPREAD, Math.sqrt(variance / width)), members: length };
  });
}

function part(rows: Float64Array, width: number, members: Uint32Array): Part {
  const center = meanOf(rows, width, members);
  return { members, center, scatter: scatterOf(rows, width, members, center) };
}

/** Two halves, or null where the members are too few or nearly alike. */
function cut(rows: Float64Array, width: number, { members, center, scatter }: Part): Uint32Array[] | null {
  if (members.length < FEWEST_CUT || scatter < members.length * width * FINEST_SPREAD ** 2) return null;
  const axis = longestAxis(rows, width, members, center);
  let halves = axis && bySide(rows, width, members, center, axis);
  for (let round = 0; round < REFINEMENTS && halves; round++) halves = byNearest(rows, width, members, halves);
  return halves;
}

function bySide(rows: Float64Array, width: number, members: Uint32Array, center: Float64Array, axis: Axis) {
  return divide(members, (row) => {
    let along = 0;
    for (let i = 0; i < width; i++)
      along += ((rows[row * width + i] as number) - (center[i] as number)) * (axis[i] as number);
    return along < 0;
  });
}

function byNearest(rows: Float64Array, width: number, members: Uint32Array, halves: readonly Uint32Array[]) {
  const [left, right] = halves.map((half) => meanOf(rows, width, half)) as [Float64Array, Float64Array];
  return divide(members, (row) => {
    let difference = 0;
    for (let i = 0; i < width; i++) {
      const value = rows[row * width + i] as number;
      difference += (value - (left[i] as number)) ** 2 - (value - (right[i] as number)) ** 2;
    }
    return difference < 0;
  });
}

/** Null where all members are on one side. */
function divide(members: Uint32Array, isLeft: (row: number) => boolean): [Uint32Array, Uint32Array] | null {
  const left = members.filter(isLeft);
  if (left.length === 0 || left.length === members.length) return null;
  const lefts = new Set(left);
  return [left, members.filter((row) => !lefts.has(row))];
}
