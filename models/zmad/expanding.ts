/** ZMAD over a single series that is seen value by value: each is judged by those before it. */
import { medianOfSorted } from '../quantile.ts';
import { deviation } from './deviation.ts';
import { ANOMALY, OUTLIER } from './zmad.ts';

export interface JudgedValue {
  /** Modified z-score; null while there are fewer than `fewest` values before. */
  readonly z: number | null;
  readonly kind: 'normal' | 'outlier' | 'anomaly';
}

/**
 * @param series values in order
 * @param fewest values that must come before the first that is judged
 * @param floor smallest median absolute deviation
 */
export function expandingZmad(series: readonly number[], fewest: number, floor: number): JudgedValue[] {
  return series.map((value, t) => {
    if (t < fewest) return { z: null, kind: 'normal' };
    const history = Float64Array.from(series.slice(0, t)).sort();
    const median = medianOfSorted(history);
    const z = Math.abs(value - median) / deviation(history, median, floor / 0.6745);
    return { z, kind: z > ANOMALY ? 'anomaly' : z > OUTLIER ? 'outlier' : 'normal' };
  });
}
