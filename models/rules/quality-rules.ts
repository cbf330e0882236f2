/** The rules on network quality: latency, jitter, loss, and two of them at once. With a baseline, a path that was always so fires none of them. */
import type { NetworkFeature } from '../../contract/features.ts';
import { RULE_CONFIDENCE } from '../../contract/thresholds.ts';
import { beyondLearned } from './learned-normal.ts';
import { beyond, fired, type Observation, type Rule, type RuleContext } from './rule.ts';

type QualityFeature = Extract<NetworkFeature, 'avg_latency_ms' | 'max_latency_ms' | 'jitter_ms' | 'packet_loss_rate'>;

/** A busy moment of a host, a late answer: a path is bad where most of the latest windows say so. */
const LOOKS_BACK = 4;
const MOST_OF = 3;

/** Why the value is too high and was so in most of the latest windows, or null where it is not. */
function tooHigh(observed: Observation, feature: QualityFeature, floor: number, context: RuleContext): string | null {
  const condition = tooHighNow(observed, feature, floor, context);
  if (condition === null) return null;
  const before = (context.before?.() ?? []).slice(0, LOOKS_BACK);
  if (before.length === 0) return condition;
  const bad = before.filter((window) => tooHighNow(window, feature, floor, context) !== null).length;
  return bad + 1 < MOST_OF ? null : `${condition} in ${bad + 1} of the latest ${before.length + 1} windows`;
}

/** The same of one observation: beyond its floor and, where that was learned, well beyond what is usual. */
function tooHighNow(
  observed: Observation,
  feature: QualityFeature,
  floor: number,
  context: RuleContext,
): string | null {
  const value = observed[feature];
  const margin = context.thresholds.VOLUME_MARGIN;
  const extreme = context.learned?.extreme(feature) ?? null;
  if (typeof value !== 'number' || value <= floor || !beyondLearned(value, extreme, margin)) return null;
  return `${feature} > ${floor}${beyond(feature, extreme, margin)}`;
}

export const latencyAnomaly: Rule = (observed, context) => {
  const { avg_latency_ms, max_latency_ms } = observed;
  const peak = tooHigh(observed, 'max_latency_ms', context.thresholds.LATENCY_MAX_MS, context);
  const mean = tooHigh(observed, 'avg_latency_ms', context.thresholds.LATENCY_AVG_MS, context);
  if (peak === null || mean === null) return null;
  return fired('latency_anomaly', RULE_CONFIDENCE.latency_anomaly, `${peak} and ${mean}`, {
    avg_latency_ms: avg_latency_ms ?? 0,
    max_latency_ms: max_latency_ms ?? 0,
  });
};

export const jitterAnomaly: Rule = (observed, context) => {
  const high = tooHigh(observed, 'jitter_ms', context.thresholds.JITTER_MS, context);
  if (high === null) return null;
  return fired('jitter_anomaly', RULE_CONFIDENCE.jitter_anomaly, high, { jitter_ms: observed.jitter_ms ?? 0 });
};

export const packetLoss: Rule = (observed, context) => {
  const high = tooHigh(observed, 'packet_loss_rate', context.thresholds.PACKET_LOSS_RATE, context);
  if (high === null) return null;
  return fired('packet_loss', RULE_CONFIDENCE.packet_loss, high, { packet_loss_rate: observed.packet_loss_rate ?? 0 });
};

export const qosDegradation: Rule = (observed, context) => {
  const { thresholds } = context;
  const floors = {
    avg_latency_ms: thresholds.QOS_LATENCY_AVG_MS,
    jitter_ms: thresholds.QOS_JITTER_MS,
    packet_loss_rate: thresholds.QOS_PACKET_LOSS_RATE,
  } as const;
  const values: Record<string, number> = {};
  const met: string[] = [];
  for (const feature of ['avg_latency_ms', 'jitter_ms', 'packet_loss_rate'] as const) {
    const high = tooHigh(observed, feature, floors[feature], context);
    if (high === null) continue;
    values[feature] = observed[feature] ?? 0;
    met.push(high);
  }
  if (met.length < 2) return null;
  return fired('qos_degradation', RULE_CONFIDENCE.qos_degradation, met.join(' and '), values);
};
