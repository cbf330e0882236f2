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
  const count = rows.length / width;
  const UNSEEN = -2;
  const labels = new Int32Array(count).fill(UNSEEN);
  let clusters = 0;
  const waiting: number[] = [];
  for (let row = 0; row < count; row++) {
    if (labels[row] !== UNSEEN) continue;
    if (tree.countWithin(row, eps, minSamples) < minSamples) {
      labels[row] = NOISE;
      continue;
    }
    const cluster = clusters++;
    reach(row, cluster);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      if (tree.countWithin(next, eps, minSamples) >= minSamples) reach(next, cluster);
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
