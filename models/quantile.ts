/** Order statistics: quantiles, the median and deviations from it. */

/** A sorted copy, ascending. */
export function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/**
 * The quantile `q` (0..1) of ascending values, linear between the two nearest ranks (Hyndman & Fan 1996, type 7).
 * NaN for no values.
 */
export function quantileOfSorted(ascending: ArrayLike<number>, q: number): number {
  const last = ascending.length - 1;
  if (last < 0) return Number.NaN;
  const rank = q * last;
  const below = Math.floor(rank);
  const low = ascending[below] as number;
  const high = ascending[Math.min(below + 1, last)] as number;
  return low + (rank - below) * (high - low);
}

/** The median of ascending values. */
export function medianOfSorted(ascending: ArrayLike<number>): number {
  return quantileOfSorted(ascending, 0.5);
}

/** The median of the distances to `center`. */
export function medianDeviation(values: ArrayLike<number>, center: number): number {
  return medianOfSorted(Float64Array.from(values, (value) => Math.abs(value - center)).sort());
}

/** The mean of the distances to `center`; 0 for no values. */
export function meanDeviation(values: ArrayLike<number>, center: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs((values[i] as number) - center);
  return values.length === 0 ? 0 : sum / values.length;
}
