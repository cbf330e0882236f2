/** Combines the models' p-values into one, and says when they agree enough for an alert. */

import type { ModelName } from '../contract/features.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { Level } from '../contract/threats.ts';
import { LEVEL_THRESHOLDS } from '../contract/thresholds.ts';
import { pValue } from './calibration/p-value.ts';
import type { Vote } from './votes.ts';

/**
 * p-values are cut here from above: one model that finds a window perfectly ordinary must not veto the others.
 * Fang, Chang, Park, Tseng: Heavy-tailed distribution for combining dependent p-values (Statistica Sinica, 2023).
 */
const LARGEST_P = 0.99;

/**
 * What each model's p-value counts, relative to the others that vote: the models that see features together count for more than
 * the one that sees each by itself.
 */
export const MODEL_WEIGHTS: Readonly<Record<ModelName, number>> = { spatial: 2, temporal: 2, statistical: 1 };

/** A p-value with its weight. */
export interface WeightedP {
  readonly p: number;
  readonly weight: number;
}

/** Models that must find the window at least `low` by themselves before their consensus is an alert. */
export const AGREEING_MODELS = 2;

/**
 * Cauchy combination, valid under arbitrary dependence as p → 0.
 * Liu, Xie: Cauchy combination test (JASA 115, 2020), equation 2.
 * @returns the combined p-value, or 1 for no p-value at all
 */
export function cauchyCombination(pValues: readonly WeightedP[]): number {
  if (pValues.length === 0) return 1;
  let [sum, weights] = [0, 0];
  for (const { p, weight } of pValues) {
    // 1 / tan(p·pi) is tan((0.5 - p)·pi) and atan2(1, t) is pi/2 - atan(t), without their cancellation for small p.
    sum += weight / Math.tan(Math.min(p, LARGEST_P) * Math.PI);
    weights += weight;
  }
  return Math.atan2(1, sum / weights) / Math.PI;
}

/** The models' p-values as one: larger is more abnormal; −log of their weighted Cauchy combination. */
export function combinedScore(votes: readonly Pick<Vote, 'model' | 'p'>[]): number {
  return -Math.log(cauchyCombination(votes.map(({ model, p }) => ({ p, weight: MODEL_WEIGHTS[model] }))));
}

/**
 * The probability that a normal window is as strange to all models together. The Cauchy combination holds for any dependence
 * between them only in the limit: where all models that were calibrated vote, their combination is taken among those of held-out
 * windows, which holds for the dependence there is.
 */
export function consensusP(votes: readonly Pick<Vote, 'model' | 'p'>[], calibrated: Manifest['consensus']): number {
  const score = combinedScore(votes);
  const complete = calibrated !== null && calibrated.models.length === votes.length;
  return complete ? pValue(calibrated.calibration, score) : Math.exp(-score);
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
