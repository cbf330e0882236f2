/** Combines the models' p-values into one, and says when they agree enough for an alert. */

import type { Level } from '../contract/threats.ts';
import { LEVEL_THRESHOLDS } from '../contract/thresholds.ts';

/**
 * p-values are cut here from above: one model that finds a window perfectly ordinary must not veto the others.
 * Fang, Chang, Park, Tseng: Heavy-tailed distribution for combining dependent p-values (Statistica Sinica, 2023).
 */
const LARGEST_P = 0.99;

/** Models that must find the window at least `low` by themselves before their consensus is an alert. */
export const AGREEING_MODELS = 2;

/**
 * Cauchy combination, valid under arbitrary dependence as p → 0.
 * Liu, Xie: Cauchy combination test (JASA 115, 2020), equation 2.
 * @returns the combined p-value, or 1 for no p-value at all
 */
export function cauchyCombination(pValues: readonly number[]): number {
  if (pValues.length === 0) return 1;
  let sum = 0;
  for (const p of pValues) sum += Math.tan((0.5 - Math.min(p, LARGEST_P)) * Math.PI);
  const mean = sum / pValues.length;
  // For large statistics 0.5 - atan(t)/pi cancels; the tail of the Cauchy distribution is 1/(pi t) there.
  return mean > 1e6 ? 1 / (Math.PI * mean) : 0.5 - Math.atan(mean) / Math.PI;
}

/** Whether at least two models find the window unusual each by itself. */
export function modelsAgree(scores: readonly number[]): boolean {
  return scores.filter((score) => score > LEVEL_THRESHOLDS.low).length >= AGREEING_MODELS;
}

/** The level of a consensus or a confidence. */
export function levelOf(score: number): Level {
  if (score > LEVEL_THRESHOLDS.critical) return 'critical';
  if (score > LEVEL_THRESHOLDS.high) return 'high';
  if (score > LEVEL_THRESHOLDS.medium) return 'medium';
  return score > LEVEL_THRESHOLDS.low ? 'low' : 'none';
}
