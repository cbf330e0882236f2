/** Combines the models' p-values into one, and says when they agree enough for an alert. */

import type { ModelName } from '../contract/features.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { Level } from '../contract/threats.ts';
import { LEVEL_THRESHOLDS } from '../contract/thresholds.ts';
import { budgetScore } from './calibration/alert-budget.ts';
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
export const MODEL_WEIGHTS: Readonly<Record<ModelName, number>> = { spatial: 5, temporal: 3, statistical: 2 };

/** A p-value with its weight. */
export interface WeightedP {
  readonly p: number;
  readonly weight: number;
}

/** What the vote of a detector counts that the owner asked for beside the models. */
const REFERENCE_WEIGHT = 1;

/** Models that must find the window unusual by themselves before their consensus is an alert. */
const AGREEING_MODELS = 2;
/** Unusual by itself: the level `low`, as a part of the score at the budget. */
const AGREEMENT = LEVEL_THRESHOLDS.low / 0.5;

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

type ModelP = Pick<Vote, 'model' | 'p'>;

const combinedP = (votes: readonly ModelP[]): number =>
  cauchyCombination(votes.map(({ model, p }) => ({ p, weight: MODEL_WEIGHTS[model] })));

/**
 * How strange a window is to the models together: −log of the Cauchy combination of their p-values, but no more than the second
 * strangest verdict bears out, so that one model alone moves nothing. Its distribution over normal windows is what
 * `consensusOf` takes its p-value from.
 */
export function agreedStrangeness(votes: readonly ModelP[]): number {
  const second = votes.map(({ p }) => -Math.log(p)).sort((a, b) => b - a)[AGREEING_MODELS - 1] ?? 0;
  return Math.min(-Math.log(combinedP(votes)), second / AGREEMENT);
}

export interface Consensus {
  /** The probability that a normal window is as strange to the models together. */
  readonly p: number;
  /** Whether two models find the window unusual: without it there is no alert. */
  readonly agreed: boolean;
}

/**
 * The Cauchy combination holds for any dependence between models only in the limit. Where all models that were calibrated vote,
 * their agreed strangeness is taken among that of held-out windows, which holds for the dependence that there is.
 * @param pStar the per-window probability at the alert budget
 * @param references votes of detectors that the owner asked for; with any the consensus is the Cauchy combination, since nothing
 *   was calibrated with them. They never judge without a model
 */
export function consensusOf(
  votes: readonly ModelP[],
  calibrated: Manifest['consensus'],
  pStar: number,
  references: readonly { readonly p: number }[] = [],
): Consensus {
  if (votes.length === 0) return { p: 1, agreed: false };
  if (references.length > 0) {
    const asked = references.map(({ p }) => ({ p, weight: REFERENCE_WEIGHT }));
    const all = [...votes.map(({ model, p }) => ({ p, weight: MODEL_WEIGHTS[model] })), ...asked];
    return { p: cauchyCombination(all), agreed: areUnusual(all, pStar) };
  }
  if (calibrated && calibrated.models.length === votes.length && votes.length >= AGREEING_MODELS)
    return { p: pValue(calibrated.calibration, agreedStrangeness(votes)), agreed: true };
  return { p: combinedP(votes), agreed: areUnusual(votes, pStar) };
}

/** Whether two of them are unusual by themselves. */
function areUnusual(votes: readonly { readonly p: number }[], pStar: number): boolean {
  return votes.filter(({ p }) => budgetScore(p, pStar) > LEVEL_THRESHOLDS.low).length >= AGREEING_MODELS;
}

/** The level of a consensus or a confidence. */
export function levelOf(score: number): Level {
  if (score > LEVEL_THRESHOLDS.critical) return 'critical';
  if (score > LEVEL_THRESHOLDS.high) return 'high';
  if (score > LEVEL_THRESHOLDS.medium) return 'medium';
  return score > LEVEL_THRESHOLDS.low ? 'low' : 'none';
}
