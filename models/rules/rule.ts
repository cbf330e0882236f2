/** What a rule is: it looks at one observation, and answers with the condition and the numbers that met it, or with nothing. */
import type { FlatObject } from '../../contract/detect-request.ts';
import type { Recent } from '../../contract/network-window.ts';
import type { FiredRule } from '../../contract/result.ts';
import { type RuleThreat, TECHNIQUES } from '../../contract/threats.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import type { LearnedNormal } from './learned-normal.ts';

/** A window or a flat object; what was not measured is absent or null and never fires a rule. */
export type Observation = FlatObject & {
  readonly duration_s?: number;
  readonly start?: string;
  readonly recent?: Recent;
};

export interface RuleContext {
  readonly thresholds: Thresholds;
  /** What the group has learned, or null where it has no model yet. */
  readonly learned: LearnedNormal | null;
  /** The windows of the same interface just before, the latest first; absent where nobody knows. */
  readonly before?: () => readonly Observation[];
}

export type Rule = (observed: Observation, context: RuleContext) => FiredRule | null;

/** @param condition in the words of the field names, with the threshold that was passed */
export function fired(
  threat_type: RuleThreat,
  confidence: number,
  condition: string,
  observed: Record<string, number | string>,
): FiredRule {
  const technique = TECHNIQUES[threat_type]?.uid;
  return { threat_type, confidence, condition, observed, ...(technique && { technique }) };
}

/** Counts of a window longer than a second, per second; a shorter one is not extrapolated. */
export function perSecond(count: number, duration_s: number | undefined): number {
  return count / Math.max(1, duration_s ?? 1);
}

/** The share of TCP among TCP and UDP packets: as measured, else from the counts, else null. */
export function tcpRatio(observed: Observation): number | null {
  if (typeof observed.tcp_ratio === 'number') return observed.tcp_ratio;
  const { tcp_packets, udp_packets } = observed;
  if (typeof tcp_packets !== 'number' || typeof udp_packets !== 'number') return null;
  return tcp_packets + udp_packets === 0 ? 0.5 : tcp_packets / (tcp_packets + udp_packets);
}

/** At most three significant decimals, for people. */
export function readable(value: number): string {
  return Number(value >= 1000 ? value.toFixed(0) : value.toPrecision(3)).toLocaleString('en-US');
}

/** Words for the learned part of a condition. */
export const beyond = (name: string, extreme: number | null, margin: number): string =>
  extreme === null ? '' : ` and ${name} > ${readable(margin)} x learned ${readable(extreme)}`;
