/** By what a distance from the median is divided: the median absolute deviation, or its stand-in where that is 0. */
import { medianDeviation } from '../quantile.ts';

const MAD_FACTOR = 0.6745;
const MEAN_DEVIATION_FACTOR = 1.253314;

/**
 * MAD / 0.6745; where more than half of the values are equal 1.253314 · mean absolute deviation
 * (Iglewicz, Hoaglin: How to Detect and Handle Outliers, 1993).
 * @param values ascending; at least one
 * @param floor smallest value returned
 */
export function deviation(values: Float64Array, median: number, floor: number): number {
  const mad = medianDeviation(values, median);
  if (mad > 0) return Math.max(mad / MAD_FACTOR, floor);
  const mean = values.reduce((sum, value) => sum + Math.abs(value - median), 0) / values.length;
  return Math.max(MEAN_DEVIATION_FACTOR * mean, floor);
}
