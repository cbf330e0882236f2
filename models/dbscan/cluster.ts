/**
 * DBSCAN, exactly as published: Ester, Kriegel, Sander, Xu: A density-based algorithm for discovering clusters (KDD 1996).
 *
 * A row with `minSamples` rows within eps, itself counted, is a core point; core points within eps of each other are one
 * cluster; a row within eps of a core point belongs to the cluster that reached it first; all else is noise.
 */
import { KdTree } from './kd-tree.ts';

export const NOISE = -1;

export interface Clustering {
  /** Cluster of each row, numbered in the order of their first row, or `NOISE`. */
  readonly labels: Int32Array;
  readonly clusters: number;
}

/** @param rows row-major, n x width */
export function dbscan(
  rows: Float64Array,
  width: number,
  eps: number,
  minSamples: number,
  tree = new KdTree(rows, width),
): Clustering {
  const count = rows.length / width;
  const UNSEEN = -2;
  const labels = new Int32Array(count).fill(UNSEEN);
  let clusters = 0;
  const neighbours: number[] = [];
  for (let row = 0; row < count; row++) {
    if (labels[row] !== UNSEEN) continue;
    neighbours.length = 0;
    tree.within(row, eps, neighbours);
    if (neighbours.length < minSamples) {
      labels[row] = NOISE;
      continue;
    }
    grow(row, clusters++);
  }
  return { labels, clusters };

  /** Labels on reaching, so that a row waits once at most, however many neighbours it has. */
  function grow(start: number, cluster: number): void {
    labels[start] = cluster;
    const waiting: number[] = [];
    reach(neighbours, cluster, waiting);
    for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
      neighbours.length = 0;
      tree.within(row, eps, neighbours);
      if (neighbours.length >= minSamples) reach(neighbours, cluster, waiting);
    }
  }

  /** Rows that were noise are no core points and lead no further. */
  function reach(rowsWithin: readonly number[], cluster: number, waiting: number[]): void {
    for (const row of rowsWithin) {
      const label = labels[row];
      if (label === UNSEEN) waiting.push(row);
      if (label === UNSEEN || label === NOISE) labels[row] = cluster;
    }
  }
}

/**
 * eps by the knee of the k-distance curve: the distances to the k-th neighbour, ascending, and of them the one furthest below
 * the straight line from the first to the last (Satopää, Albrecht, Irwin, Raghavan: Kneedle, 2011), no less than the
 * 98 % quantile, so that noise stays the exception.
 */
export function kneeOfDistances(tree: KdTree, count: number, k: number): number {
  const distances = Float64Array.from({ length: count }, (_, row) => tree.nearestDistance(row, k))
    .filter(Number.isFinite)
    .sort();
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
