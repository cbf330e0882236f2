/**
 * ZMAD: how far each feature is from its median, in median absolute deviations.
 *
 * The modified z-score 0.6745 · |x − median| / MAD (Iglewicz, Hoaglin: How to Detect and Handle Outliers, 1993), on the
 * scaled axis (logarithmic for heavy-tailed features). Where more than half of the values are equal MAD is 0: then
 * |x − median| / (1.253314 · mean absolute deviation). The score is the mean over the features that were measured.
 * It sees each feature by itself: a strange combination of ordinary values passes it by.
 */
import type { ModelOutputs } from '../model-outputs.ts';
import { Graph } from '../onnx/graph.ts';
import { medianDeviation, medianOfSorted } from '../quantile.ts';
import { addScaling } from '../scaling/add-scaling.ts';
import { type FeatureScale, scaleRows, scalerOf } from '../scaling/scaler.ts';

/** Fewer samples say nothing about a median absolute deviation. */
export const FEWEST_SAMPLES = 30;
/** Modified z-scores from which a value is an outlier, and an anomaly. */
export const OUTLIER = 2;
export const ANOMALY = 3.5;

const MAD_FACTOR = 0.6745;
const MEAN_DEVIATION_FACTOR = 1.253314;
/** The deviation is never taken finer than this part of the feature's scale. */
const FLOOR = 0.25;

const { fround } = Math;

export interface ZmadParameters {
  /** Modified z-score per unit of scaled distance, for each feature; 0 for an inactive one. */
  readonly weights: Float32Array;
}

/**
 * The deviation by which a distance from the median is divided: MAD / 0.6745, or its stand-in where MAD is 0.
 * @param floor smallest value returned
 */
export function deviation(values: Float64Array, median: number, floor: number): number {
  const mad = medianDeviation(values, median);
  if (mad > 0) return Math.max(mad / MAD_FACTOR, floor);
  const mean = values.reduce((sum, value) => sum + Math.abs(value - median), 0) / values.length;
  return Math.max(MEAN_DEVIATION_FACTOR * mean, floor);
}

/**
 * @param rows raw features, n x features, NaN where not measured; at least `FEWEST_SAMPLES` of them
 * @throws RangeError with fewer rows
 */
export function fitZmad(rows: Float32Array, baseline: readonly FeatureScale[]): ZmadParameters {
  const width = baseline.length;
  const count = rows.length / width;
  if (count < FEWEST_SAMPLES) throw new RangeError(`ZMAD needs ${FEWEST_SAMPLES} windows, and got ${count}`);
  const { scaled, mask } = scaleRows(rows, scalerOf(baseline));
  const weights = Float32Array.from(baseline, ({ active }, column) => {
    if (!active) return 0;
    const values: number[] = [];
    for (let row = 0; row < count; row++) {
      const at = row * width + column;
      if (mask[at] === 1) values.push(scaled[at] as number);
    }
    const sorted = Float64Array.from(values).sort();
    return 1 / deviation(sorted, medianOfSorted(sorted), FLOOR);
  });
  return { weights };
}

/** The model in plain TypeScript; its ONNX must agree with it. */
export function scoreZmad(
  { weights }: ZmadParameters,
  baseline: readonly FeatureScale[],
  rows: Float32Array,
): ModelOutputs {
  const width = baseline.length;
  const count = rows.length / width;
  const { scaled, mask } = scaleRows(rows, scalerOf(baseline));
  const score = new Float32Array(count);
  const contribution = new Float32Array(rows.length);
  for (let row = 0; row < count; row++) {
    let [sum, observed] = [0, 0];
    for (let column = 0; column < width; column++) {
      const at = row * width + column;
      const z = fround(Math.abs(scaled[at] as number) * (weights[column] as number));
      contribution[at] = z;
      sum += z;
      observed += mask[at] as number;
    }
    score[row] = sum / Math.max(1, observed);
  }
  return { score, contribution };
}

/** Input `rows` [N, features] raw, NaN where not measured; outputs `score` [N] and `contribution` [N, features]. */
export function zmadToOnnx({ weights }: ZmadParameters, baseline: readonly FeatureScale[]): Uint8Array {
  const graph = new Graph('zmad');
  const width = baseline.length;
  const rows = graph.input('rows', ['N', width]);
  const { scaled, mask } = addScaling(graph, rows, baseline);
  const z = graph.node('Mul', [graph.node('Abs', [scaled]), graph.floats([width], weights)]);
  const axis = graph.integers([1], [1]);
  const sum = graph.node('ReduceSum', [z, axis], { keepdims: { int: 0 } });
  const observed = graph.node('Max', [
    graph.node('ReduceSum', [mask, axis], { keepdims: { int: 0 } }),
    graph.scalar(1),
  ]);
  graph.output('score', ['N'], graph.node('Div', [sum, observed]));
  graph.output('contribution', ['N', width], z);
  return graph.toModel();
}
