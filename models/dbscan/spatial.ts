/**
 * The spatial model: clusters of normal windows by DBSCAN, kept as centroids; the score of a window is its distance to the
 * nearest one in units of that one's spread, the root mean square over the measured features.
 *
 * It knows which combinations of values are usual. It is blind to the order of windows in time, and to anything that hides
 * inside a cluster.
 */
import type { FeatureBaseline } from '../../contract/manifest.ts';
import { FEATURE_COUNT } from '../features.ts';
import type { ModelOutputs } from '../model-outputs.ts';
import { Graph } from '../onnx/graph.ts';
import { addScaling } from '../scaling/add-scaling.ts';
import { addClip, clip } from '../scaling/clip.ts';
import { scaleRows, scalerOf } from '../scaling/scaler.ts';
import { addNearestCentroid, inverseOf } from './add-nearest-centroid.ts';
import { type Centroid, centroidsOf } from './centroids.ts';
import { dbscan, kneeOfDistances, NOISE } from './cluster.ts';
import { KdTree } from './kd-tree.ts';

/** Fewer windows make no density. */
export const FEWEST_WINDOWS = 60;
const MOST_CENTROIDS = 64;
/** Scaled distance beyond which nothing gets more abnormal. */
const LIMIT = 100;
/** Never a neighbourhood of no size, however alike the windows are. */
const SMALLEST_EPS = 0.05;

export interface SpatialParameters {
  readonly centroids: readonly Centroid[];
  readonly eps: number;
  readonly minSamples: number;
  readonly clusters: number;
  readonly noise: number;
}

/**
 * @param rows raw features, n x 11, NaN where not measured; at least `FEWEST_WINDOWS`
 * @throws RangeError with fewer rows
 */
export function fitSpatial(rows: Float32Array, baseline: readonly FeatureBaseline[]): SpatialParameters {
  const count = rows.length / FEATURE_COUNT;
  if (count < FEWEST_WINDOWS) throw new RangeError(`DBSCAN needs ${FEWEST_WINDOWS} windows, and got ${count}`);
  const points = Float64Array.from(scaleRows(rows, scalerOf(baseline)).scaled, (value) => clip(value, LIMIT));
  const active = baseline.filter((feature) => feature.active).length;
  const minSamples = Math.max(5, 2 * active);
  const tree = new KdTree(points, FEATURE_COUNT);
  const eps = Math.max(SMALLEST_EPS, kneeOfDistances(tree, count, minSamples - 1));
  const { labels, clusters } = dbscan(points, FEATURE_COUNT, eps, minSamples, tree);
  const members = Array.from({ length: clusters }, (): number[] => []);
  for (const [row, label] of labels.entries()) if (label !== NOISE) members[label]?.push(row);
  const share = Math.max(1, Math.floor(MOST_CENTROIDS / Math.max(1, clusters)));
  const largest = members.sort((a, b) => b.length - a.length).slice(0, MOST_CENTROIDS);
  const centroids = largest.flatMap((cluster) =>
    centroidsOf(points, FEATURE_COUNT, cluster, { eps, minSamples }, share),
  );
  const everything = Array.from({ length: count }, (_, row) => row);
  return {
    // Windows without any density are one loose cluster.
    centroids:
      centroids.length > 0 ? centroids : centroidsOf(points, FEATURE_COUNT, everything, { eps, minSamples }, 1),
    eps,
    minSamples,
    clusters,
    noise: labels.filter((label) => label === NOISE).length,
  };
}

/** The model in plain TypeScript; its ONNX must agree with it. */
export function scoreSpatial(
  { centroids }: SpatialParameters,
  baseline: readonly FeatureBaseline[],
  rows: Float32Array,
): ModelOutputs {
  const count = rows.length / FEATURE_COUNT;
  const { scaled, mask } = scaleRows(rows, scalerOf(baseline));
  const exact = centroids.map(({ center, spread }) => ({
    center: Float32Array.from(center),
    inverse: inverseOf(spread),
  }));
  const score = new Float32Array(count);
  const contribution = new Float32Array(rows.length);
  const nearest = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const from = row * FEATURE_COUNT;
    let best = Number.POSITIVE_INFINITY;
    for (const [k, { center, inverse }] of exact.entries()) {
      const distance = squares(center, inverse, from).reduce((sum, value) => sum + value, 0);
      if (distance < best) [best, nearest[row]] = [distance, k];
    }
    const winner = exact[nearest[row] as number];
    let observed = 0;
    for (let i = 0; i < FEATURE_COUNT; i++) observed += mask[from + i] as number;
    if (winner) contribution.set(squares(winner.center, winner.inverse, from), from);
    score[row] = Math.sqrt(best / Math.max(1, observed));
  }
  return { score, contribution, nearest };

  function squares(center: Float32Array, inverse: Float32Array, from: number): number[] {
    return Array.from(center, (value, i) => {
      const distance =
        (clip(scaled[from + i] as number, LIMIT) - value) * (inverse[i] as number) * (mask[from + i] as number);
      return distance * distance;
    });
  }
}

/** Input `rows` [N, 11] raw, NaN where not measured; outputs `score` [N], `contribution` [N, 11] and `nearest` [N] int64. */
export function spatialToOnnx({ centroids }: SpatialParameters, baseline: readonly FeatureBaseline[]): Uint8Array {
  const graph = new Graph('dbscan');
  const rows = graph.input('rows', ['N', FEATURE_COUNT]);
  const { scaled, mask } = addScaling(graph, rows, baseline);
  const z = addClip(graph, scaled, LIMIT);
  const { nearest, squares } = addNearestCentroid(graph, z, mask, centroids);
  const axis = graph.integers([1], [1]);
  const sum = graph.node('ReduceSum', [squares, axis], { keepdims: { int: 0 } });
  const observed = graph.node('Max', [
    graph.node('ReduceSum', [mask, axis], { keepdims: { int: 0 } }),
    graph.scalar(1),
  ]);
  graph.output('score', ['N'], graph.node('Sqrt', [graph.node('Div', [sum, observed])]));
  graph.output('contribution', ['N', FEATURE_COUNT], squares);
  graph.output('nearest', ['N'], nearest, 'int64');
  return graph.toModel();
}
