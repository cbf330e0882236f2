/** Learns from rows of features what is normal for each: its centre, its robust scale, its quantiles. */
import { NETWORK_FEATURES, type NetworkFeature } from '../../contract/features.ts';
import type { FeatureBaseline } from '../../contract/manifest.ts';
import { FEATURE_COUNT } from '../features.ts';
import { medianDeviation, medianOfSorted, quantileOfSorted } from '../quantile.ts';
import { FEATURE_UNITS, LOG_STEP } from './feature-units.ts';

/** A feature observed in fewer rows than this, or in a smaller share of them, is not used. */
export const FEWEST_OBSERVED = 30;
export const FEWEST_OBSERVED_SHARE = 0.05;

/** MAD and interquartile range of a normal distribution of standard deviation 1. */
const NORMAL_MAD_FACTOR = 1.4826;
const NORMAL_IQR = 1.349;

/**
 * One baseline per feature, in the order of `NETWORK_FEATURES`.
 * The centre is the median; the scale is the largest of 1.4826·MAD, IQR/1.349 and the feature's smallest telling step.
 * @param rows row-major, n x 11, NaN where a feature was not measured
 */
export function fitBaseline(rows: Float32Array): FeatureBaseline[] {
  const count = rows.length / FEATURE_COUNT;
  return NETWORK_FEATURES.map((feature, column) => {
    const observed: number[] = [];
    for (let row = 0; row < count; row++) {
      const value = rows[row * FEATURE_COUNT + column] as number;
      if (!Number.isNaN(value)) observed.push(value);
    }
    const active = observed.length >= FEWEST_OBSERVED && observed.length >= FEWEST_OBSERVED_SHARE * count;
    return active ? activeBaseline(feature, observed) : inactiveBaseline(feature);
  });
}

function activeBaseline(feature: NetworkFeature, observed: number[]): FeatureBaseline {
  const { log1p, step } = FEATURE_UNITS[feature];
  const raw = Float64Array.from(observed).sort();
  const values = log1p ? raw.map(Math.log1p) : raw;
  const center = medianOfSorted(values);
  const interquartile = quantileOfSorted(values, 0.75) - quantileOfSorted(values, 0.25);
  const floor = log1p ? Math.max(LOG_STEP, Math.log1p(step * Math.exp(-center))) : step;
  const scale = Math.max(NORMAL_MAD_FACTOR * medianDeviation(values, center), interquartile / NORMAL_IQR, floor);
  return {
    feature,
    active: true,
    log1p,
    center,
    scale,
    low: quantileOfSorted(raw, 0.01),
    high: quantileOfSorted(raw, 0.99),
    extreme: quantileOfSorted(raw, 0.999),
  };
}

function inactiveBaseline(feature: NetworkFeature): FeatureBaseline {
  return {
    feature,
    active: false,
    log1p: FEATURE_UNITS[feature].log1p,
    center: 0,
    scale: 1,
    low: 0,
    high: 0,
    extreme: 0,
  };
}
