/**
 * DBSCAN, exactly as published: Ester, Kriegel, Sander, Xu: A density-based algorithm for discovering clusters (KDD 1996).
 *
 * A row with `minSamples` rows within eps, itself counted, is a core point; core points within eps of each other are one
 * cluster; a row within eps of a core point belongs to the cluster that reached it first; all else is noise.
 */
import { atOnce, type Pieces } from '../pauses.ts';
import { KdTree } from './kd-tree.ts';

export const NOISE = -1;
/** Rows of a piece. */
const PIECE_ROWS = 250;

export interface Clustering {
  /** Cluster of each row, numbered in the order of their first row, or `NOISE`. */
  readonly labels: Int32Array;
  readonly clusters: number;
}

/**
 * @param rows row-major, n x width
 * @param tree over the same rows, of which none was taken; all of it is used up
 */
export function dbscan(
  rows: Float64Array,
  width: number,
  eps: number,
  minSamples: number,
  tree = new KdTree(rows, width),
): Clustering {
  return atOnce(dbscanPieces(rows, width, eps, minSamples, tree));
}

/** The same in pieces. */
export function* dbscanPieces(
  rows: Float64Array,
  width: number,
  eps: number,
  minSamples: number,
  tree: KdTree,
): Pieces<Clustering> {
  const count = rows.length / width;
  const UNSEEN = -2;
  const labels = new Int32Array(count).fill(UNSEEN);
  let clusters = 0;
  const waiting: number[] = [];
  let asked = 0;
  for (let row = 0; row < count; row++) {
    if (labels[row] !== UNSEEN) continue;
    if (++asked % PIECE_ROWS === 0) yield;
    if (tree.countWithin(row, eps, minSamples) < minSamples) {
      labels[row] = NOISE;
      continue;
    }
    const cluster = clusters++;
    reach(row, cluster);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (++asked % PIECE_ROWS === 0) yield;
      if (tree.countWithin(next, eps, minSamples) >= minSamples) reach(next, cluster);
    }
  }
  return { labels, clusters };

  /** Rows that were noise are no core points and lead no further. */
  function reach(core: number, cluster: number): void {
    tree.takeWithin(core, eps, (row) => {
      if (labels[row] === UNSEEN) waiting.push(row);
      labels[row] = cluster;
    });
  }
}

/**
 * eps by the knee of the k-distance curve: the distances to the k-th neighbour, ascending, and of them the one furthest below
 * the straight line from the first to the last (Satopää, Albrecht, Irwin, Raghavan: Kneedle, 2011), no less than the
 * 98 % quantile, so that noise stays the exception.
 */
export function* kneeOfDistances(tree: KdTree, count: number, k: number): Pieces<number> {
  const all = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    if (row % PIECE_ROWS === PIECE_ROWS - 1) yield;
    all[row] = tree.nearestDistance(row, k);
  }
  const distances = all.filter(Number.isFinite).sort();
  const last = distances.length - 1;
  if (last < 0) return 0;
  const [first, end] = [distances[0] as number, distances[last] as number];
  let [knee, deepest] = [last, 0];
  for (let i = 0; i <= last; i++) {
    const depth = first + ((end - first) * i) / Math.max(1, last) - (distances[i] as number);
    if (depth > deepest) [knee, deepest] = [i, depth];
  }
  return distances[Math.max(knee, Math.floor(0.98 * last))] as number;
}
