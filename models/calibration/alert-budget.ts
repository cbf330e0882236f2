/** The alert budget: how rare a window must be to be an alert, and the score that 0.5 ties to it. */

const SECONDS_PER_DAY = 86_400;

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
