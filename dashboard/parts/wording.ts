/** How names and numbers of the API read on the page. */
import type { IncidentState } from '../../contract/incident-state.ts';
import type { Level, ThreatType } from '../../contract/threats.ts';

export const STATE_NAMES: Record<IncidentState, string> = {
  open: 'open',
  acknowledged: 'acknowledged',
  resolved: 'resolved',
  false_alarm: 'false alarm',
};

export const THREAT_NAMES: Record<ThreatType, string> = {
  port_scan: 'Port scan',
  syn_flood: 'SYN flood',
  data_exfiltration: 'Data exfiltration',
  ddos: 'DDoS',
  credential_stuffing: 'Credential stuffing',
  brute_force_attack: 'Brute force',
  service_account_abuse: 'Service account abuse',
  username_confusion: 'User name confusion',
  latency_anomaly: 'Latency',
  jitter_anomaly: 'Jitter',
  packet_loss: 'Packet loss',
  qos_degradation: 'Degraded path',
  ml_critical_risk: 'Unusual traffic, critical',
  ml_high_risk: 'Unusual traffic, high',
  ml_medium_risk: 'Unusual traffic, medium',
};

/** Those that an incident may have, the worst first. */
export const ALERT_LEVELS = ['critical', 'high', 'medium', 'low'] as const satisfies readonly Level[];

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** With thousands separated; three significant digits below a thousand. */
export function numeral(value: number): string {
  return (Math.abs(value) < 1000 ? precise : number).format(value);
}

/** Two significant digits, of what is known no better. */
export function rough(value: number): string {
  return number.format(Number(value.toPrecision(2)));
}

export function percent(share: number): string {
  return `${precise.format(100 * share)} %`;
}

const UNITS = [
  ['day', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** Such as "3 min". */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? ['s', 1];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${unit === 'day' && count !== 1 ? 's' : ''}`;
}

/** ATT&CK has sub-techniques below their technique. */
export function techniqueUrl(uid: string): string {
  return `https://attack.mitre.org/techniques/${uid.replace('.', '/')}/`;
}
