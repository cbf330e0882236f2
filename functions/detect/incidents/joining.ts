/** When an alert belongs to an incident, and what the incident is after it: pure rules, without storage. */
import type { Incident } from '../../../contract/incident.ts';
import { LEVELS, THREAT_TYPES, type ThreatType, techniquesOf } from '../../../contract/threats.ts';
import type { Alert } from './alert.ts';

/** So soon after its first alert an attack still shows new faces: a SYN flood is a port scan for its first second. */
const SETTLING_MS = 15_000;
export const MAX_ATTACKERS = 32;

export interface OpenIncident {
  readonly incident: Incident;
  /** Milliseconds since the epoch, of the object's clock. */
  readonly openedAt: number;
}

/** Whether the alert is part of the incident. */
export function joins(alert: Alert, { incident, openedAt }: OpenIncident, now: number): boolean {
  if (alert.host !== incident.host || alert.detectionType !== incident.detection_type) return false;
  if (!overlapOrUnknown(alert.attackingIps, incident.attacking_ips)) return false;
  return (
    now - openedAt < SETTLING_MS ||
    alert.threatTypes.some((type) => incident.threat_types.includes(type)) ||
    onlyModels(alert.threatTypes) ||
    onlyModels(incident.threat_types)
  );
}

/** The incident that a first alert opens. */
export function open(alert: Alert, id: string, group: string): Incident {
  return {
    id,
    group,
    host: alert.host,
    state: 'open',
    detection_type: alert.detectionType,
    primary_type: mostSpecific(alert.threatTypes),
    threat_types: [...alert.threatTypes],
    level: alert.level,
    confidence: alert.confidence,
    attacking_ips: alert.attackingIps.slice(0, MAX_ATTACKERS),
    first_seen: alert.start,
    last_seen: alert.end,
    alerts: 1,
    model_version: alert.modelVersion,
    explanation: alert.explanation,
    note: null,
    techniques: techniquesOf(alert.threatTypes),
    campaign_id: null,
    reopened: 0,
    muted: null,
  };
}

/** The incident with one more alert; `escalated` where a person should hear of the change. */
export function extend(incident: Incident, alert: Alert): { incident: Incident; escalated: boolean } {
  const threat_types = union(incident.threat_types, alert.threatTypes);
  const attacking_ips = union(incident.attacking_ips, alert.attackingIps).slice(0, MAX_ATTACKERS);
  const primary_type = mostSpecific(threat_types);
  const higher = LEVELS.indexOf(alert.level) > LEVELS.indexOf(incident.level);
  const surer = alert.confidence > incident.confidence;
  return {
    escalated: higher || primary_type !== incident.primary_type || attacking_ips.length > incident.attacking_ips.length,
    incident: {
      ...incident,
      primary_type,
      threat_types,
      techniques: techniquesOf(threat_types),
      attacking_ips,
      level: higher ? alert.level : incident.level,
      confidence: Math.max(incident.confidence, alert.confidence),
      first_seen: earlier(incident.first_seen, alert.start),
      last_seen: earlier(incident.last_seen, alert.end) === incident.last_seen ? alert.end : incident.last_seen,
      alerts: incident.alerts + 1,
      model_version: alert.modelVersion ?? incident.model_version,
      explanation: higher || surer ? alert.explanation : incident.explanation,
    },
  };
}

/** THREAT_TYPES stands in order of how much a name says; the models' come last. */
export function mostSpecific(types: readonly ThreatType[]): ThreatType {
  return THREAT_TYPES.find((type) => types.includes(type)) ?? 'ml_medium_risk';
}

function onlyModels(types: readonly ThreatType[]): boolean {
  return types.every((type) => type.startsWith('ml_'));
}

function overlapOrUnknown(left: readonly string[], right: readonly string[]): boolean {
  return left.length === 0 || right.length === 0 || left.some((ip) => right.includes(ip));
}

/** Whether a list of attackers was too full to name all of these. */
export function leavesOut(named: readonly string[], attackers: readonly string[]): boolean {
  return attackers.some((ip) => !named.includes(ip));
}

export function union<T>(left: readonly T[], right: readonly T[]): T[] {
  return [...new Set([...left, ...right])];
}

export function earlier(left: string, right: string): string {
  return Date.parse(left) <= Date.parse(right) ? left : right;
}
