/**
 * ZMAD: how far each feature is from its median, in median absolute deviations.
 *
 * The modified z-score 0.6745 · |x − median| / MAD (Iglewicz, Hoaglin: How to Detect and Handle Outliers, 1993), on the
 * scaled axis (logarithmic for heavy-tailed features). Where more than half of the values are equal MAD is 0: then
 * |x − median| / (1.253314 · mean absolute deviation). Median and deviation are those of the hour of the week where training
 * saw enough of it, else of all windows. The score is the mean over the features that were measured.
 * It sees each feature by itself: a strange combination of ordinary values passes it by.
 */
import { HOURS, NO_HOUR, noHours } from '../hour-of-week.ts';
import type { ModelOutputs } from '../model-outputs.ts';
import { Graph } from '../onnx/graph.ts';
import { ELEMENT_TYPE } from '../onnx/tensor-types.ts';
import { atOnce, type Pieces } from '../pauses.ts';
import { medianOfSorted } from '../quantile.ts';
import { addScaling } from '../scaling/add-scaling.ts';
import { type FeatureScale, scaleRows, scalerOf } from '../scaling/scaler.ts';
import { deviation } from './deviation.ts';
import { type Moment, momentOf, spreadByHour } from './hourly.ts';

/** Fewer samples say nothing about a median absolute deviation. */
export const FEWEST_SAMPLES = 30;
/** Modified z-scores from which a value is an outlier, and an anomaly. */
export const OUTLIER = 2;
export const ANOMALY = 3.5;

/** The deviation is never taken finer than this part of the feature's scale. */
const FLOOR = 0.25;

const { fround } = Math;

/** Both 169 x features, row-major: a row for each hour of the week, and a last one for windows without a time. */
export interface ZmadParameters {
  /** The median, scaled: its distance from the centre of the baseline. */
  readonly medians: Float32Array;
  /** Modified z-score per unit of scaled distance; 0 for an inactive feature. */
  readonly weights: Float32Array;
  /** Hours of the week that have a baseline of their own in some feature. */
  readonly hours: number;
}

/**
 * @param rows raw features, n x features, NaN where not measured; at least `FEWEST_SAMPLES` of them
 * @param starts of the windows, RFC 3339; without them there are no baselines by hour
 * @throws RangeError with fewer rows
 */
export function fitZmad(
  rows: Float32Array,
  baseline: readonly FeatureScale[],
  starts: readonly string[] = [],
): ZmadParameters {
  return atOnce(zmadPieces(rows, baseline, starts));
}

/** The same in pieces. */
export function* zmadPieces(
  rows: Float32Array,
  baseline: readonly FeatureScale[],
  starts: readonly string[],
): Pieces<ZmadParameters> {
  const width = baseline.length;
  const count = rows.length / width;
  if (count < FEWEST_SAMPLES) throw new RangeError(`ZMAD needs ${FEWEST_SAMPLES} windows, and got ${count}`);
  const { scaled, mask } = scaleRows(rows, scalerOf(baseline));
  const times = starts.map(momentOf);
  const medians = new Float32Array((HOURS + 1) * width);
  const weights = new Float32Array(medians.length);
  const hours = new Set<number>();
  for (const [column, { active }] of baseline.entries()) {
    yield;
    if (!active) continue;
    const values: number[] = [];
    const moments: Moment[] = [];
    for (let row = 0; row < count; row++) {
      const at = row * width + column;
      const value = scaled[at] as number;
      if (mask[at] !== 1) continue;
      values.push(value);
      const time = times[row];
      if (time) moments.push({ value, ...time });
    }
    const sorted = Float64Array.from(values).sort();
    const overall = { median: 0, deviation: deviation(sorted, medianOfSorted(sorted), FLOOR) };
    const byHour = spreadByHour(moments, FLOOR);
    for (let hour = 0; hour <= NO_HOUR; hour++) {
      const spread = byHour.get(hour) ?? overall;
      medians[hour * width + column] = spread.median;
      weights[hour * width + column] = 1 / spread.deviation;
    }
    for (const hour of byHour.keys()) hours.add(hour);
  }
  return { medians, weights, hours: hours.size };
}

/**
 * The model in plain TypeScript; its ONNX must agree with it.
 * @param hours of the week of each row, `NO_HOUR` where unknown
 */
export function scoreZmad(
  { medians, weights }: ZmadParameters,
  baseline: readonly FeatureScale[],
  rows: Float32Array,
  hours = noHours(rows.length / baseline.length),
): ModelOutputs {
  const width = baseline.length;
  const count = rows.length / width;
  const { scaled, mask } = scaleRows(rows, scalerOf(baseline));
  const score = new Float32Array(count);
  const contribution = new Float32Array(rows.length);
  for (let row = 0; row < count; row++) {
    const ofHour = (hours[row] as number) * width;
    let [sum, observed] = [0, 0];
    for (let column = 0; column < width; column++) {
      const at = row * width + column;
      const distance = fround((scaled[at] as number) - (medians[ofHour + column] as number));
      const z = fround(fround(Math.abs(distance) * (weights[ofHour + column] as number)) * (mask[at] as number));
      contribution[at] = z;
      sum += z;
      observed += mask[at] as number;
    }
    score[row] = sum / Math.max(1, observed);
  }
  return { score, contribution };
}

/**
 * Inputs `rows` [N, features] raw, NaN where not measured, and `hours` [N]: 0 … 167, or 168 where unknown;
 * outputs `score` [N] and `contribution` [N, features].
 */
export function zmadToOnnx({ medians, weights }: ZmadParameters, baseline: readonly FeatureScale[]): Uint8Array {
  const graph = new Graph('zmad');
  const width = baseline.length;
  const rows = graph.input('rows', ['N', width]);
  const hours = graph.input('hours', ['N']);
  const { scaled, mask } = addScaling(graph, rows, baseline);
  const index = graph.node('Cast', [hours], { to: { int: ELEMENT_TYPE.int64 } });
  const ofHour = (table: Float32Array): string =>
    graph.node('Gather', [graph.floats([HOURS + 1, width], table), index], { axis: { int: 0 } });
  const distance = graph.node('Abs', [graph.node('Sub', [scaled, ofHour(medians)])]);
  const z = graph.node('Mul', [graph.node('Mul', [distance, ofHour(weights)]), mask]);
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
