/** Local outlier factor: a row is abnormal where it is sparser around it than around its nearest normal rows. */
import { KdTree } from '../dbscan/kd-tree.ts';
import { seededRandom } from '../random.ts';
import type { FittedDetector, ReferenceDetector } from './detector.ts';
import { sampleRows } from './sample-rows.ts';

/** MinPts of the paper, whose figures use 10 to 50; scikit-learn's default. */
const NEIGHBOURS = 20;
/** Rows that are kept and searched; a seeded sample of more. */
const MOST_ROWS = 20_000;
/** Keeps the density of rows that have 20 duplicates finite, as scikit-learn does. */
const LEAST_REACH = 1e-10;

/**
 * The factor is about 1 for rows as dense as their neighbours and grows without a bound. Sees anomalies beside dense clusters
 * that a global distance misses; calls any row beside a cluster of near-duplicates extreme.
 * New rows are compared with the fitted ones only. Memory: the rows kept and, while fitting, 240 bytes for each.
 * Written from the paper: no kept npm package was found.
 * Breunig, Kriegel, Ng, Sander: LOF: Identifying Density-Based Local Outliers (SIGMOD 2000), definitions 3 to 7.
 */
export const localOutlierFactor: ReferenceDetector<'lof'> = { name: 'lof', fit };

function fit(points: Float64Array, width: number, seed: number): FittedDetector {
  const rows = sampleRows(points, width, MOST_ROWS, seededRandom(seed));
  const count = rows.length / width;
  const neighbours = Math.min(NEIGHBOURS, count - 1);
  const tree = new KdTree(rows, width);
  const found = { rows: new Uint32Array(neighbours), distances: new Float64Array(neighbours) };

  const kDistance = new Float64Array(count);
  const nearest = new Uint32Array(count * neighbours);
  const distances = new Float64Array(count * neighbours);
  for (let row = 0; row < count; row++) {
    tree.nearest(rows.subarray(row * width, (row + 1) * width), found, row);
    nearest.set(found.rows, row * neighbours);
    distances.set(found.distances, row * neighbours);
    kDistance[row] = found.distances[neighbours - 1] as number;
  }
  const densityAmong = (near: Uint32Array, far: Float64Array): number => {
    let reach = 0;
    for (let i = 0; i < neighbours; i++) reach += Math.max(kDistance[near[i] as number] as number, far[i] as number);
    return 1 / (reach / neighbours + LEAST_REACH);
  };
  const density = Float64Array.from({ length: count }, (_, row) => {
    const [from, to] = [row * neighbours, (row + 1) * neighbours];
    return densityAmong(nearest.subarray(from, to), distances.subarray(from, to));
  });
  return {
    score(queries) {
      const scores = new Float64Array(queries.length / width);
      for (let i = 0; i < scores.length; i++) {
        tree.nearest(queries.subarray(i * width, (i + 1) * width), found);
        let around = 0;
        for (const row of found.rows) around += density[row] as number;
        scores[i] = around / neighbours / densityAmong(found.rows, found.distances);
      }
      return scores;
    },
  };
}
