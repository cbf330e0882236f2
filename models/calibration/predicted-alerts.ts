/** How many false alerts a trained version is going to raise, told from those on held-out windows. */
import type { Manifest } from '../../contract/manifest.ts';

/** False alerts a host and day to expect, and what nineteen of twenty such hosts stay below; null where nothing was judged. */
export interface PredictedAlerts {
  readonly expected: number;
  readonly at_most: number;
}

/** From the count on held-out windows; the bound is Byar's of a Poisson count (Rothman, Boice: Epidemiologic Analysis, 1979). */
export function predictedAlerts({ false_alerts, judged_host_days }: Manifest['quality']): PredictedAlerts | null {
  if (judged_host_days === 0) return null;
  const next = false_alerts + 1;
  const upper = next * (1 - 1 / (9 * next) + ONE_SIDED_95 / (3 * Math.sqrt(next))) ** 3;
  return { expected: false_alerts / judged_host_days, at_most: upper / judged_host_days };
}

/** Of the standard normal distribution. */
const ONE_SIDED_95 = 1.6449;
