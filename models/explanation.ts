/** Says in words and numbers why a verdict is what it is. */
import { MODEL_NAMES, type ModelName, NETWORK_FEATURES, SEQUENCE_LENGTH } from '../contract/features.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { FeatureShare, FiredRule, ModelExplanation } from '../contract/result.ts';
import type { RuleThreat } from '../contract/threats.ts';
import { FEATURE_COUNT } from './features.ts';
import { readable } from './rules/rule.ts';
import type { Vote } from './votes.ts';

/** Features that a model's explanation names. */
const MOST_FEATURES = 5;
/** A smaller part of the score explains nothing. */
const SMALLEST_SHARE = 0.05;

const MODEL_TITLES: Record<ModelName, string> = {
  spatial: 'spatial score (distance to the nearest cluster)',
  temporal: 'temporal score (reconstruction of the last ten windows)',
  statistical: 'statistical score (distance from the median)',
};

/** The features with the largest part of the score, with the observed value and what is normal. */
export function explainVote(vote: Vote, features: Float32Array, manifest: Manifest): ModelExplanation {
  const { model, outputs, row, p } = vote;
  const nearest = outputs.nearest?.[row];
  return {
    model,
    raw_score: outputs.score[row] as number,
    p_value: p,
    features: featureShares(vote, features, manifest),
    ...(nearest !== undefined && { nearest_cluster: nearest }),
    ...(outputs.stepError && { by_window: sharesByWindow(stepErrorOf(outputs.stepError, row)) }),
  };
}

/** 10 x 11 of one row. */
function stepErrorOf(stepError: Float32Array, row: number): Float32Array {
  const size = SEQUENCE_LENGTH * FEATURE_COUNT;
  return stepError.subarray(row * size, (row + 1) * size);
}

function sharesByWindow(stepError: Float32Array): number[] {
  const sums = Array.from({ length: SEQUENCE_LENGTH }, (_, step) =>
    stepError.subarray(step * FEATURE_COUNT, (step + 1) * FEATURE_COUNT).reduce((sum, error) => sum + error, 0),
  );
  const total = sums.reduce((sum, error) => sum + error, 0);
  return sums.map((error) => (total > 0 ? error / total : 0));
}

/** So many windows before the last the feature's error was largest. */
function windowsEarlier(stepError: Float32Array, feature: number): number {
  let worst = SEQUENCE_LENGTH - 1;
  for (let step = worst - 1; step >= 0; step--)
    if ((stepError[step * FEATURE_COUNT + feature] as number) > (stepError[worst * FEATURE_COUNT + feature] as number))
      worst = step;
  return SEQUENCE_LENGTH - 1 - worst;
}

function featureShares({ outputs, row }: Vote, features: Float32Array, manifest: Manifest): FeatureShare[] {
  const offset = row * FEATURE_COUNT;
  let total = 0;
  for (let i = 0; i < FEATURE_COUNT; i++) total += outputs.contribution[offset + i] as number;
  if (!(total > 0)) return [];
  const shares: FeatureShare[] = [];
  for (let i = 0; i < FEATURE_COUNT; i++) {
    const share = (outputs.contribution[offset + i] as number) / total;
    const observed = features[i] as number;
    const baseline = manifest.baseline[i];
    if (share < SMALLEST_SHARE || Number.isNaN(observed) || !baseline) continue;
    shares.push({
      feature: NETWORK_FEATURES[i] as string,
      observed,
      normal: [baseline.low, baseline.high],
      share: Math.min(1, share),
      ...(outputs.stepError && { windows_earlier: windowsEarlier(stepErrorOf(outputs.stepError, row), i) }),
    });
  }
  return shares.sort((a, b) => b.share - a.share).slice(0, MOST_FEATURES);
}

/** One sentence per fired rule: what was seen, and the condition it met. */
export function ruleSentences(rules: readonly FiredRule[]): string[] {
  return rules.map(({ threat_type, condition, observed, technique }) => {
    const numbers = Object.entries(observed).map(
      ([name, value]) => `${name} ${typeof value === 'number' ? readable(value) : value}`,
    );
    return `${threat_type}${technique ? ` (${technique})` : ''}: ${numbers.join(', ')}; the rule is ${condition}`;
  });
}

/**
 * Who attacks, or why nobody is named.
 * @param listed sources of the window
 * @param threat the most specific threat that fired, or null for the models alone
 */
export function attackerSentence(
  attacking: readonly string[],
  listed: number,
  threat: RuleThreat | null,
): string | null {
  if (attacking.length > 0) return `from ${attacking.join(', ')}`;
  if (listed === 0) return null;
  if (threat === 'port_scan') return 'no remote address opened these ports: this host itself may be scanning';
  return 'no source stands out: the senders may be forged, or many';
}

/** Such as "unique_ports 212; normal here 3 to 9; 61 % of the spatial score (…)", for each model in turn. */
export function modelSentences(explained: readonly ModelExplanation[]): string[] {
  return MODEL_NAMES.flatMap((name) => {
    const [most] = explained.find(({ model }) => model === name)?.features ?? [];
    if (!most) return [];
    const [low, high] = most.normal;
    const earlier = most.windows_earlier ? `, most of it ${most.windows_earlier} windows earlier` : '';
    return `${most.feature} ${readable(most.observed)}; normal here ${readable(low)} to ${readable(high)}; ${Math.round(most.share * 100)} % of the ${MODEL_TITLES[name]}${earlier}`;
  });
}
