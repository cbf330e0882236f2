/** Posts as a collector makes them: windows of one second with their sources, each with an identity of its own. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import { normalTraffic } from '../../models/training/injected-attacks.ts';

const SOURCES = 5;
/** Different seconds of traffic; windows take them in turn. */
const PATTERNS = normalTraffic(1000, 2);
const FIRST_MS = Date.UTC(2026, 0, 1);

export interface Origin {
  readonly host: string;
  readonly group: string;
}

/** The window of second `number` of a host, ordinary traffic. */
export function ordinaryWindow({ host, group }: Origin, number: number): NetworkWindow {
  const pattern = PATTERNS[number % PATTERNS.length] ?? {};
  const packets_per_second = pattern.packets_per_second ?? 0;
  const bytes_per_second = pattern.bytes_per_second ?? 0;
  const syn_packets = pattern.syn_packets ?? 0;
  const sources = Array.from({ length: SOURCES }, (_, i) => ({
    ip: `203.0.113.${i + 1}`,
    packets: Math.round(packets_per_second / SOURCES),
    bytes: Math.round(bytes_per_second / SOURCES),
    syn_packets: Math.round(syn_packets / SOURCES),
    unique_ports: 1,
  }));
  return {
    id: `${host}:${number}`,
    host,
    group,
    interface: 'eth0',
    start: new Date(FIRST_MS + 1000 * number).toISOString(),
    duration_s: 1,
    packets: Math.round(packets_per_second),
    bytes: Math.round(bytes_per_second),
    bytes_in_per_second: Math.round(0.65 * bytes_per_second),
    bytes_out_per_second: Math.round(0.35 * bytes_per_second),
    tcp_ratio: 0.8,
    ...pattern,
    sources,
  };
}

/** The same second with a port scan by `attacker`. */
export function scanWindow(origin: Origin, number: number, attacker: string): NetworkWindow {
  return {
    ...ordinaryWindow(origin, number),
    packets_per_second: 1200,
    unique_ports: 150,
    tcp_packets: 1100,
    syn_packets: 450,
    sources: [{ ip: attacker, packets: 1100, bytes: 66_000, syn_packets: 450, unique_ports: 150 }],
  };
}

/** A body of windows `from` to `from + count` of a host. */
export function postBody(origin: Origin, from: number, count: number): string {
  return JSON.stringify({ windows: Array.from({ length: count }, (_, i) => ordinaryWindow(origin, from + i)) });
}
