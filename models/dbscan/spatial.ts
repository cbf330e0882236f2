/**
 * The spatial model: clusters of normal windows by DBSCAN, kept as centroids; the score of a window is its distance to the
 * nearest one in units of that one's spread, the root mean square over the measured features.
 *
 * It knows which combinations of values are usual. It is blind to the order of windows in time, and to anything that hides
 * inside a cluster.
 */
import type { ModelOutputs } from '../model-outputs.ts';
import { Graph } from '../onnx/graph.ts';
import { atOnce, type Pieces } from '../pauses.ts';
import { addScaling } from '../scaling/add-scaling.ts';
import { addClip, clip } from '../scaling/clip.ts';
import { type FeatureScale, scaleRows, scalerOf } from '../scaling/scaler.ts';
import { addNearestCentroid } from './add-nearest-centroid.ts';
import { type Centroid, centroidsOf } from './centroids.ts';
import { dbscanPieces, kneeOfDistances, NOISE } from './cluster.ts';
import { KdTree } from './kd-tree.ts';

/** Fewer windows make no density. */
export const FEWEST_WINDOWS = 30;
const MOST_CENTROIDS = 256;
/** A cluster of a smaller share of the windows is none: a few windows of an attack that slipped in are no normal. */
const SMALLEST_SHARE = 0.005;
/** Scaled distance beyond which nothing gets more abnormal. */
const LIMIT = 30;
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
 * @param rows raw features, n x features, NaN where not measured; at least `FEWEST_WINDOWS`
 * @throws RangeError with fewer rows
 */
export function fitSpatial(rows: Float32Array, baseline: readonly FeatureScale[]): SpatialParameters {
  return atOnce(spatialPieces(rows, baseline));
}

/** The same in pieces. */
export function* spatialPieces(rows: Float32Array, baseline: readonly FeatureScale[]): Pieces<SpatialParameters> {
  const width = baseline.length;
  const count = rows.length / width;
  if (count < FEWEST_WINDOWS) throw new RangeError(`DBSCAN needs ${FEWEST_WINDOWS} windows, and got ${count}`);
  const points = Float64Array.from(scaleRows(rows, scalerOf(baseline)).scaled, (value) => clip(value, LIMIT));
  const active = baseline.filter((feature) => feature.active).length;
  const minSamples = Math.min(Math.max(5, 2 * active), Math.floor(count / 4));
  const tree = new KdTree(points, width);
  yield;
  const eps = Math.max(SMALLEST_EPS, yield* kneeOfDistances(tree, count, minSamples - 1));
  const { labels, clusters } = yield* dbscanPieces(points, width, eps, minSamples, tree);
  return {
    centroids: yield* centroidsOf(points, width, membersOf(labels, clusters), MOST_CENTROIDS),
    eps,
    minSamples,
    clusters,
    noise: labels.filter((label) => label === NOISE).length,
  };
}

/** The rows of each of the largest clusters; without any density all rows are one loose cluster. */
function membersOf(labels: Int32Array, clusters: number): Uint32Array[] {
  const members = Array.from({ length: clusters }, (): number[] => []);
  for (const [row, label] of labels.entries()) if (label !== NOISE) members[label]?.push(row);
  const dense = members.filter((rows) => rows.length >= SMALLEST_SHARE * labels.length);
  if (dense.length === 0) return [Uint32Array.from(labels.keys())];
  return dense
    .sort((a, b) => b.length - a.length)
    .slice(0, MOST_CENTROIDS)
    .map((rows) => Uint32Array.from(rows));
}

/** The model in plain TypeScript; its ONNX must agree with it. */
export function scoreSpatial(
  { centroids }: SpatialParameters,
  baseline: readonly FeatureScale[],
  rows: Float32Array,
): ModelOutputs {
  const width = baseline.length;
  const count = rows.length / width;
  const { scaled, mask } = scaleRows(rows, scalerOf(baseline));
  const exact = centroids.map(({ center, spread }) => ({
    center: Float32Array.from(center),
    inverse: Math.fround(1 / spread),
  }));
  const score = new Float32Array(count);
  const contribution = new Float32Array(rows.length);
  const nearest = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const from = row * width;
    let best = Number.POSITIVE_INFINITY;
    for (const [k, { center, inverse }] of exact.entries()) {
      const distance = squaredDistance(center, inverse, from);
      if (distance < best) [best, nearest[row]] = [distance, k];
    }
    const winner = exact[nearest[row] as number];
    let observed = 0;
    for (let i = 0; i < width; i++) observed += mask[from + i] as number;
    if (winner)
      for (let i = 0; i < width; i++) contribution[from + i] = squared(winner.center, winner.inverse, from, i);
    score[row] = Math.sqrt(best / Math.max(1, observed));
  }
  return { score, contribution, nearest };

  function squaredDistance(center: Float32Array, inverse: number, from: number): number {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += squared(center, inverse, from, i);
    return sum;
  }

  function squared(center: Float32Array, inverse: number, from: number, i: number): number {
    const distance = clip(scaled[from + i] as number, LIMIT) - (center[i] as number);
    return (distance * inverse * (mask[from + i] as number)) ** 2;
  }
}

/** Input `rows` [N, features] raw, NaN where not measured; outputs `score` [N], `contribution` [N, features], `nearest` [N] int64. */
export function spatialToOnnx({ centroids }: SpatialParameters, baseline: readonly FeatureScale[]): Uint8Array {
  const graph = new Graph('dbscan');
  const rows = graph.input('rows', ['N', baseline.length]);
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
  graph.output('contribution', ['N', baseline.length], squares);
  graph.output('nearest', ['N'], nearest, 'int64');
  return graph.toModel();
}
