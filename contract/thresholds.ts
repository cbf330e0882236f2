/** The thresholds of every rule, in one place; each can be overridden by an environment variable of the same name. */
import { InvalidThresholdError } from './errors.ts';

export const DEFAULT_THRESHOLDS = {
  PORT_SCAN_UNIQUE_PORTS: 20,
  PORT_SCAN_PACKETS_PER_SECOND: 100,
  /** Distinct ports of one address within half an hour: a scan too slow for the two above. */
  SLOW_SCAN_UNIQUE_PORTS: 20,
  /** Distinct ports in one window of ten seconds or more, over which the rate of a scan averages out. */
  LONG_WINDOW_SCAN_UNIQUE_PORTS: 100,
  DDOS_PACKETS_PER_SECOND: 1000,
  DDOS_BYTES_PER_SECOND: 1_000_000,
  EXFILTRATION_BYTES_PER_SECOND: 5_000_000,
  EXFILTRATION_TCP_RATIO: 0.9,
  /** Bytes going out over half an hour, in learned 99 % quantiles of such half hours at this hour of the week. */
  SLOW_EXFILTRATION_MARGIN: 1.4,
  /** And for each byte that comes in, so many times the learned 99 % quantile: customers ask for what they get. */
  SLOW_EXFILTRATION_RATIO_MARGIN: 1.2,
  SYN_FLOOD_SYN_PACKETS: 500,
  SYN_FLOOD_TCP_RATIO: 0.95,
  LATENCY_MAX_MS: 100,
  LATENCY_AVG_MS: 50,
  JITTER_MS: 10,
  PACKET_LOSS_RATE: 0.05,
  QOS_LATENCY_AVG_MS: 30,
  QOS_JITTER_MS: 5,
  QOS_PACKET_LOSS_RATE: 0.02,
  BRUTE_FORCE_TOTAL_ATTEMPTS: 100,
  BRUTE_FORCE_FAILED_ATTEMPTS: 50,
  /** Failed logins of one source or user within ten minutes: a guesser too slow for the two above. fail2ban's default is 5. */
  SLOW_GUESSING_FAILED_ATTEMPTS: 5,
  STUFFING_TOTAL_ATTEMPTS: 500,
  STUFFING_UNIQUE_SOURCE_IPS: 10,
  SERVICE_ABUSE_TOTAL_ATTEMPTS: 1000,
  /** A volume rule of a group with a baseline asks for this many times the learned 99.9 % quantile. */
  VOLUME_MARGIN: 1.5,
  /** Share of SYNs among a window's TCP packets above which handshakes count as half-open (part of ddos with a baseline). */
  DDOS_SYN_SHARE: 0.5,
} as const;

export type ThresholdName = keyof typeof DEFAULT_THRESHOLDS;
export type Thresholds = Readonly<Record<ThresholdName, number>>;

/** Confidence of each rule when it fires. */
export const RULE_CONFIDENCE = {
  port_scan: 0.9,
  slow_port_scan: 0.8,
  slow_data_exfiltration: 0.75,
  slow_brute_force_attack: 0.8,
  ddos: 0.95,
  data_exfiltration: 0.85,
  syn_flood: 0.92,
  latency_anomaly: 0.85,
  jitter_anomaly: 0.8,
  packet_loss: 0.88,
  qos_degradation: 0.9,
  brute_force_attack: 0.9,
  credential_stuffing: 0.85,
  service_account_abuse: 0.88,
  username_confusion_password: 0.85,
  username_confusion_command: 0.95,
} as const;

/** Consensus above which each level begins. */
export const LEVEL_THRESHOLDS = { critical: 0.8, high: 0.7, medium: 0.5, low: 0.3 } as const;

/** False alerts that a host may raise per day; fixes the per-window probability p*. */
export const DEFAULT_ALERT_BUDGET_PER_HOST_DAY = 1;

/**
 * The default thresholds with overrides from an environment, such as `{PORT_SCAN_UNIQUE_PORTS: "40"}`.
 * @throws InvalidThresholdError where an override is not a finite number ≥ 0
 */
export function readThresholds(environment: Readonly<Record<string, unknown>>): Thresholds {
  const thresholds: Record<ThresholdName, number> = { ...DEFAULT_THRESHOLDS };
  for (const name of Object.keys(DEFAULT_THRESHOLDS) as ThresholdName[]) {
    const override = environment[name];
    if (override === undefined || override === '') continue;
    const value = typeof override === 'number' ? override : Number(override);
    if (!Number.isFinite(value) || value < 0)
      throw new InvalidThresholdError(name, String(override), DEFAULT_THRESHOLDS[name]);
    thresholds[name] = value;
  }
  return thresholds;
}
