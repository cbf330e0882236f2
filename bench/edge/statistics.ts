/** Figures of repeated measurements. */

/** The value that a share `q` of `values` does not exceed (nearest rank). @throws RangeError without values */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
  if (value === undefined) throw new RangeError('a quantile of nothing');
  return value;
}

/** The one in the middle, or the mean of the two there. @throws RangeError without values */
export function median(values: readonly number[]): number {
  return (quantile(values, 0.5) + quantile(values, Math.floor(values.length / 2 + 1) / values.length)) / 2;
}

/** Half the distance of the lowest and highest value, in percent of the median: how far rounds of one run disagree. */
export function spread_percent(values: readonly number[]): number {
  return (50 * (Math.max(...values) - Math.min(...values))) / median(values);
}

/** Rounded to `digits` that count. */
export function rounded(value: number, digits = 3): number {
  return Number(value.toPrecision(digits));
}
