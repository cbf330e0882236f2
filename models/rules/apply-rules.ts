/** Applies every rule to one observation. */
import type { Explanation, FiredRule } from '../../contract/result.ts';
import { bruteForce, credentialStuffing, serviceAccountAbuse, usernameConfusion } from './auth-rules.ts';
import { dataExfiltration, ddos, portScan, synFlood, volumeSurge } from './network-rules.ts';
import { jitterAnomaly, latencyAnomaly, packetLoss, qosDegradation } from './quality-rules.ts';
import type { Observation, Rule, RuleContext } from './rule.ts';

/** In the order of `RULE_THREATS`: the most specific first. */
const RULES: readonly Rule[] = [
  portScan,
  synFlood,
  dataExfiltration,
  ddos,
  credentialStuffing,
  bruteForce,
  serviceAccountAbuse,
  usernameConfusion,
  latencyAnomaly,
  jitterAnomaly,
  packetLoss,
  qosDegradation,
];

export interface RuleVerdict {
  readonly fired: FiredRule[];
  readonly notes: Explanation['notes'];
}

/** The rules that fire on one window or flat object, the most specific first, and what is worth a note but no alert. */
export function applyRules(observed: Observation, context: RuleContext): RuleVerdict {
  const fired = RULES.map((rule) => rule(observed, context)).filter((verdict) => verdict !== null);
  const surge = volumeSurge(observed, context);
  return { fired, notes: surge === null ? [] : [{ kind: 'volume_surge', text: surge }] };
}
