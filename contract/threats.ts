/** Threat types, their ATT&CK technique, severity levels and detection types. */

export const RULE_THREATS = [
  'port_scan',
  'syn_flood',
  'data_exfiltration',
  'ddos',
  'credential_stuffing',
  'brute_force_attack',
  'service_account_abuse',
  'username_confusion',
  'latency_anomaly',
  'jitter_anomaly',
  'packet_loss',
  'qos_degradation',
] as const;
/** Threats told by floors that many a host exceeds every day, until its group has a baseline: its volume, and the paths to its peers. */
export const UNLEARNED_THREATS = [
  'data_exfiltration',
  'ddos',
  'latency_anomaly',
  'jitter_anomaly',
  'packet_loss',
  'qos_degradation',
] as const satisfies readonly (typeof RULE_THREATS)[number][];
export const ML_THREATS = ['ml_critical_risk', 'ml_high_risk', 'ml_medium_risk'] as const;
export const THREAT_TYPES = [...RULE_THREATS, ...ML_THREATS] as const;
export type ThreatType = (typeof THREAT_TYPES)[number];
export type RuleThreat = (typeof RULE_THREATS)[number];

export const LEVELS = ['none', 'low', 'medium', 'high', 'critical'] as const;
export type Level = (typeof LEVELS)[number];

export const DETECTION_TYPES = ['network', 'transport_qos', 'authentication'] as const;
export type DetectionType = (typeof DETECTION_TYPES)[number];

/** Of ATT&CK, such as T1046, Network Service Discovery. https://attack.mitre.org */
export interface Technique {
  uid: string;
  name: string;
}
/** The technique per threat type, where one exists. */
export const TECHNIQUES: Partial<Record<ThreatType, Technique>> = {
  port_scan: { uid: 'T1046', name: 'Network Service Discovery' },
  ddos: { uid: 'T1498', name: 'Network Denial of Service' },
  data_exfiltration: { uid: 'T1048', name: 'Exfiltration Over Alternative Protocol' },
  syn_flood: { uid: 'T1499.001', name: 'OS Exhaustion Flood' },
  brute_force_attack: { uid: 'T1110.001', name: 'Password Guessing' },
  credential_stuffing: { uid: 'T1110.004', name: 'Credential Stuffing' },
  service_account_abuse: { uid: 'T1078', name: 'Valid Accounts' },
  username_confusion: { uid: 'T1078', name: 'Valid Accounts' },
};

/** The techniques behind threat types, each once. */
export function techniquesOf(types: readonly ThreatType[]): Technique[] {
  const known = types.flatMap((type) => TECHNIQUES[type] ?? []);
  return [...new Map(known.map((technique) => [technique.uid, technique])).values()];
}
