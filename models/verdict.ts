/** Puts rules and models together into the verdict on one window. */
import type { FlatObject } from '../contract/detect-request.ts';
import type { ModelName } from '../contract/features.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { Explanation, FiredRule, Result } from '../contract/result.ts';
import type { DetectionType, RuleThreat, ThreatType } from '../contract/threats.ts';
import { attackers, slowScanners } from './attackers.ts';
import { budgetProbability, budgetScore } from './calibration/alert-budget.ts';
import { consensusOf, levelOf } from './consensus.ts';
import { attackerSentence, explainVote, modelSentences, ruleSentences } from './explanation.ts';
import type { ReferenceVote } from './reference/voters.ts';
import type { RuleVerdict } from './rules/apply-rules.ts';
import type { Observation } from './rules/rule.ts';
import type { Vote } from './votes.ts';

const AUTH_FIELDS = [
  'username_type',
  'total_attempts',
  'failed_attempts',
  'successful_attempts',
  'unique_usernames',
  'privilege_level',
] as const satisfies readonly (keyof FlatObject)[];

const AUTH_THREATS: ReadonlySet<RuleThreat> = new Set([
  'brute_force_attack',
  'credential_stuffing',
  'service_account_abuse',
  'username_confusion',
]);

const QUALITY_THREATS: ReadonlySet<RuleThreat> = new Set([
  'latency_anomaly',
  'jitter_anomaly',
  'packet_loss',
  'qos_degradation',
]);

export interface Evidence {
  readonly observed: Observation;
  readonly identity: Result['window'];
  /** The row that the models saw, in the order of `NETWORK_FEATURES`. */
  readonly features: Float32Array;
  readonly rules: RuleVerdict;
  readonly votes: readonly Vote[];
  /** Only where the owner asked for reference detectors. */
  readonly references?: readonly ReferenceVote[];
  readonly abstained: Explanation['abstained'];
  readonly manifest: Manifest | null;
  readonly alertBudget: number;
  /** Whether a window that is nothing is explained too. */
  readonly explainQuiet: boolean;
}

export function verdict(evidence: Evidence): Result {
  const { observed, rules, votes, manifest } = evidence;
  const references = votes.length > 0 ? (evidence.references ?? []) : [];
  const pStar = budgetProbability(evidence.alertBudget, observed.duration_s ?? 1);
  const modelScores: Partial<Record<ModelName, number>> = {};
  for (const { model, p } of votes) modelScores[model] = budgetScore(p, pStar);
  const { p, agreed } = consensusOf(votes, manifest?.consensus ?? null, pStar, references);
  const consensus = budgetScore(p, pStar);
  const mlLevel = levelOf(consensus);
  const mlAlert = mlLevel !== 'none' && mlLevel !== 'low' && agreed;
  const rulesScore = rules.fired.reduce((most, { confidence }) => Math.max(most, confidence), 0);
  const confidence = Math.max(rulesScore, consensus);
  const threatTypes: ThreatType[] = rules.fired.map(({ threat_type }) => threat_type);
  if (mlAlert) threatTypes.push(`ml_${mlLevel}_risk`);
  const threatDetected = threatTypes.length > 0;
  const attacking = threatDetected ? attackingAddresses(observed, rules.fired) : [];
  // A quiet window of a batch needs no explanation, and a hundred of them would cost more than judging them.
  const explained = threatDetected || mlLevel !== 'none' || evidence.explainQuiet;
  const models = manifest && explained ? votes.map((vote) => explainVote(vote, evidence.features, manifest)) : [];
  const notes = [...rules.notes];
  if (!mlAlert && mlLevel !== 'none') {
    notes.push({
      kind: 'ml_low_risk',
      text: `consensus of the models ${consensus.toFixed(2)}: reported, not an alert`,
    });
  }
  if (explained && references.length > 0) {
    const scores = references.map(({ name, p }) => `${name} ${budgetScore(p, pStar).toFixed(2)}`);
    notes.push({ kind: 'reference_votes', text: `voted beside the models: ${scores.join(', ')}` });
  }
  return {
    threat_detected: threatDetected,
    confidence,
    threat_types: threatTypes,
    detection_type: detectionType(observed, rules.fired),
    attacking_ips: attacking,
    model_scores: modelScores,
    scores: { rules: rulesScore, consensus },
    level: threatDetected
      ? levelOf(Math.max(rulesScore, mlAlert ? consensus : 0))
      : mlLevel === 'none'
        ? 'none'
        : 'low',
    explanation: {
      summary: threatDetected ? summary(evidence, attacking, models) : [],
      rules: rules.fired,
      models,
      abstained: evidence.abstained,
      notes,
    },
    model_version: manifest?.version ?? null,
    window: evidence.identity,
  };
}

function summary({ observed, rules }: Evidence, attacking: readonly string[], models: Explanation['models']): string[] {
  const who = attackerSentence(attacking, observed.sources?.length ?? 0, rules.fired[0]?.threat_type ?? null);
  return [...ruleSentences(rules.fired), ...(who === null ? [] : [who]), ...modelSentences(models)];
}

/** What the attack is made of, in all of the window: shares of the listed sources are taken of it. */
function attackingAddresses(observed: Observation, fired: readonly FiredRule[]): string[] {
  const { sources = [], recent } = observed;
  const threat = fired[0]?.threat_type ?? null;
  if (fired[0] && 'scanner' in fired[0].observed) return slowScanners(recent?.scanners ?? []);
  if (threat === 'syn_flood') return attackers(sources, threat, observed.syn_packets ?? undefined);
  if (threat === 'data_exfiltration') return attackers(sources, threat, observed.bytes ?? undefined);
  return attackers(sources, threat, observed.packets ?? undefined);
}

function detectionType(observed: Observation, fired: readonly FiredRule[]): DetectionType {
  const hasAuthFields = AUTH_FIELDS.some((field) => observed[field] !== undefined && observed[field] !== null);
  if (hasAuthFields && fired.every(({ threat_type }) => AUTH_THREATS.has(threat_type))) return 'authentication';
  if (fired.length > 0 && fired.every(({ threat_type }) => QUALITY_THREATS.has(threat_type))) return 'transport_qos';
  return 'network';
}
