/** From a raw score to a p-value on held-out normal windows, and from a p-value to a score that 0.5 ties to the alert budget. */

const SECONDS_PER_DAY = 86_400;

/**
 * Conformal p-value: the share of held-out normal windows at least as abnormal, the judged one counted among them, so that
 * it is never 0 and at most one in `n + 1` normal windows gets the smallest value.
 * Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World (2005), chapter 2.
 * @param scores raw scores of held-out normal windows, ascending
 */
export function conformalP(scores: readonly number[], score: number): number {
  let low = 0;
  let high = scores.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((scores[middle] as number) < score) low = middle + 1;
    else high = middle;
  }
  return (1 + scores.length - low) / (scores.length + 1);
}

/**
 * The per-window probability p* at which a host raises `alertBudget` false alerts a day.
 * @param duration_s length of one window
 */
export function budgetProbability(alertBudget: number, duration_s: number): number {
  return Math.min(0.5, (alertBudget * duration_s) / SECONDS_PER_DAY);
}

/** 0.5 · log(1/p) / log(1/p*), cut to 0..1: 0.5 means "exactly at the budget". */
export function budgetScore(p: number, pStar: number): number {
  return Math.min(1, Math.max(0, (0.5 * Math.log(p)) / Math.log(pStar)));
}
