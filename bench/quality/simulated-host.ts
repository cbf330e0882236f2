/** A web host through days and weeks: customers come by day and stay away at night and on weekends; nothing attacks it. */
import { RecentMemory } from '../../collector/window/recent.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { normal, type Random, seededRandom } from '../../models/random.ts';

/** Monday, midnight UTC. */
export const FIRST_DAY_MS = Date.UTC(2026, 0, 5);
const DAY_S = 86_400;

export interface Simulation {
  readonly seed: number;
  readonly days: number;
  /** Day of the first window, counted from `FIRST_DAY_MS`. */
  readonly firstDay: number;
  readonly period_s: number;
  /** By how much there are more customers than usual at a time; 1 where it is left out. */
  readonly crowd?: (start_s: number) => number;
}

/** Requests a second of the busiest hour. */
const BUSIEST = 60;
/** Share of the busiest hour in each hour of a working day. */
const HOURS = [
  0.16, 0.12, 0.1, 0.09, 0.09, 0.12, 0.2, 0.38, 0.62, 0.84, 0.95, 0.98, 0.88, 0.92, 1, 0.98, 0.92, 0.82, 0.7, 0.62,
  0.55, 0.45, 0.34, 0.24,
];
const WEEKEND = 0.55;
const PACKETS_PER_REQUEST = 14;
const BYTES_PER_REQUEST = 11_000;
const CUSTOMERS = 4000;

/** Share of the busiest hour at a moment, without a step at the full hour. */
function rhythm(start_s: number): number {
  const hour = (start_s % DAY_S) / 3600;
  const [before, after] = [HOURS[Math.floor(hour)] as number, HOURS[(Math.floor(hour) + 1) % 24] as number];
  const share = before + (after - before) * (hour % 1);
  return Math.floor(start_s / DAY_S) % 7 >= 5 ? share * WEEKEND : share;
}

/** In order of time, every one with all eleven features. */
export function simulatedHost({ seed, days, firstDay, period_s, crowd = () => 1 }: Simulation): NetworkWindow[] {
  const random = seededRandom(seed);
  const lognormal = (deviation: number): number => Math.exp(deviation * normal(random) - deviation ** 2 / 2);
  let mood = 0;
  return Array.from({ length: Math.round((days * DAY_S) / period_s) }, (_, i) => {
    const start_s = firstDay * DAY_S + i * period_s;
    // Interest rises and falls within minutes, beyond the noise of single requests.
    mood = 0.97 * mood + 0.04 * normal(random);
    const expected = BUSIEST * rhythm(start_s) * crowd(start_s) * Math.exp(mood) * period_s;
    const requests = poisson(expected, random);
    const packets = requests * PACKETS_PER_REQUEST * lognormal(0.08) + poisson(4 * period_s, random);
    const bytes = requests * BYTES_PER_REQUEST * lognormal(0.25) + packets * 66;
    const share_out = 0.82 + 0.03 * normal(random);
    const udp = poisson(2 * period_s, random);
    const latency_ms = 8 * lognormal(0.15);
    return {
      id: `simulated:${seed}:${start_s}`,
      host: 'simulated',
      group: 'default',
      interface: 'eth0',
      start: new Date(FIRST_DAY_MS + 1000 * start_s).toISOString(),
      duration_s: period_s,
      packets: Math.round(packets),
      bytes: Math.round(bytes),
      packets_per_second: packets / period_s,
      bytes_per_second: bytes / period_s,
      bytes_out_per_second: (bytes * share_out) / period_s,
      bytes_in_per_second: (bytes * (1 - share_out)) / period_s,
      unique_ips: Math.round(CUSTOMERS * crowd(start_s) * (1 - Math.exp(-requests / (CUSTOMERS * crowd(start_s))))) + 2,
      unique_ports: 2 + poisson(0.8, random),
      tcp_packets: Math.round(packets - udp),
      udp_packets: udp,
      syn_packets: poisson(requests * 0.7, random),
      avg_latency_ms: latency_ms,
      max_latency_ms: latency_ms * (2 + 1.5 * -Math.log(1 - random())),
      jitter_ms: 1.2 * lognormal(0.3),
      packet_loss_rate: Math.min(1, poisson(packets * 0.001, random) / Math.max(1, packets)),
    };
  });
}

/** Scanned ports that an attacker opened in a window. */
export type Opened = (start_s: number) => { readonly address: Uint8Array; readonly ports: readonly number[] } | null;

/** The windows with what a collector remembers of the half hour before each. */
export function withRecent(windows: readonly NetworkWindow[], opened: Opened = () => null): NetworkWindow[] {
  const memory = new RecentMemory();
  return windows.map((window) => {
    const start_ms = Date.parse(window.start);
    const scan = opened((start_ms - FIRST_DAY_MS) / 1000);
    if (scan) memory.opened(scan.address, scan.ports, start_ms);
    const { duration_s, bytes_in_per_second, bytes_out_per_second } = window;
    const bytes = { in: (bytes_in_per_second ?? 0) * duration_s, out: (bytes_out_per_second ?? 0) * duration_s };
    return { ...window, recent: memory.at(start_ms + 1000 * duration_s, duration_s, bytes) };
  });
}

/** Knuth's product of uniforms for few, the normal approximation for many. */
function poisson(mean: number, random: Random): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let count = 0;
  for (let product = random(); product > Math.exp(-mean); product *= random()) count++;
  return count;
}
