/** Names the attacking addresses of a window from its busiest sources, by what the attack is made of. */
import type { Recent, Source } from '../contract/network-window.ts';
import type { RuleThreat } from '../contract/threats.ts';

/** A source with at least this share of what the attack is made of is an attacker. */
const ATTACKER_SHARE = 0.2;
/** A scanner opens at least this many distinct ports, and half as many as the busiest scanner. */
const FEWEST_SCANNED_PORTS = 5;

const syns = (source: Source): number => source.syn_packets ?? 0;
const ports = (source: Source): number => source.unique_ports ?? 0;

/**
 * @param sources the busiest remote addresses of the window
 * @param threat the most specific threat that fired, or null for an alert of the models alone
 * @param total what all sources of the window sent in the attack's measure (packets, SYNs), where it is known
 * @returns addresses, the busiest first; empty where no source stands out, as in a flood with forged senders
 */
export function attackers(sources: readonly Source[], threat: RuleThreat | null, total?: number): string[] {
  if (threat === 'port_scan') return scanners(sources);
  if (threat === 'syn_flood') return largest(sources, syns, total);
  if (threat === 'data_exfiltration') return largest(sources, (source) => source.bytes, total);
  if (threat === 'latency_anomaly' || threat === 'jitter_anomaly') return [];
  if (threat === 'packet_loss' || threat === 'qos_degradation') return [];
  return largest(sources, (source) => source.packets, total);
}

function scanners(sources: readonly Source[]): string[] {
  const most = Math.max(0, ...sources.map(ports));
  return sources
    .filter((source) => ports(source) >= FEWEST_SCANNED_PORTS && ports(source) >= most / 2)
    .sort((a, b) => ports(b) - ports(a))
    .map((source) => source.ip);
}

/** Of addresses that opened ports within half an hour, those with at least half as many as the busiest of them. */
export function slowScanners(opened: Recent['scanners']): string[] {
  const most = Math.max(0, ...opened.map(({ unique_ports }) => unique_ports));
  return opened.filter(({ unique_ports }) => unique_ports >= most / 2).map(({ ip }) => ip);
}

function largest(sources: readonly Source[], measure: (source: Source) => number, total?: number): string[] {
  const listed = sources.reduce((sum, source) => sum + measure(source), 0);
  const whole = Math.max(listed, total ?? 0);
  if (whole === 0) return [];
  return sources
    .filter((source) => measure(source) >= ATTACKER_SHARE * whole)
    .sort((a, b) => measure(b) - measure(a))
    .map((source) => source.ip);
}
