/** The network window: what one interface saw in one period. */
import * as z from 'zod';
import { groupName, identity, instant, label, measured, measuredRatio, quantity } from './quantity.ts';

/** Most sources that a window lists. */
export const MAX_SOURCES = 10;

/** A remote address as its source wrote it. */
export const address = z.string().min(2).max(45);

/** One of the busiest remote addresses of a window. */
export const source = z.object({
  ip: address,
  packets: quantity,
  bytes: quantity,
  syn_packets: measured,
  /** Distinct responder ports of conversations that this address opened in the window. */
  unique_ports: measured,
});

/** The last minutes of the interface up to the end of the window: what single windows are too short to show. */
export const recent = z.object({
  /** How much time it covers: up to half an hour. */
  over_s: quantity,
  /** Means over that time. */
  bytes_in_per_second: measured,
  bytes_out_per_second: measured,
  /** Remote addresses that opened conversations to five distinct ports or more, and a new one in the window. */
  scanners: z.array(z.object({ ip: address, unique_ports: quantity })).max(MAX_SOURCES),
});

/** The measurements of a network window; each may be absent or null where it was not measured. */
export const networkMeasurements = {
  packets: measured,
  bytes: measured,
  packets_per_second: measured,
  bytes_per_second: measured,
  bytes_in_per_second: measured,
  bytes_out_per_second: measured,
  unique_ips: measured,
  unique_ports: measured,
  tcp_packets: measured,
  udp_packets: measured,
  icmp_packets: measured,
  syn_packets: measured,
  tcp_ratio: measuredRatio,
  avg_latency_ms: measured,
  max_latency_ms: measured,
  jitter_ms: measured,
  packet_loss_rate: measuredRatio,
  sources: z.array(source).max(MAX_SOURCES).optional(),
  recent: recent.optional(),
};

/** The identity that network and auth windows share; the id is the same on every retry. */
export const windowIdentity = {
  id: identity,
  host: label,
  group: groupName.default('default'),
  start: instant,
  duration_s: z.number().positive().max(86_400),
};

export const networkWindow = z.object({
  ...windowIdentity,
  interface: label,
  ...networkMeasurements,
});

export type Recent = z.output<typeof recent>;
export type Source = z.output<typeof source>;
export type NetworkWindow = z.output<typeof networkWindow>;
