/**
 * Attacks that a candidate must still find: the five of the original demo, drawn from its published distributions.
 * Rates per second over one-second windows; what a distribution does not name is not measured.
 */
import type { FlatObject } from '../../contract/detect-request.ts';
import type { RuleThreat } from '../../contract/threats.ts';
import { normal, type Random, seededRandom } from '../random.ts';

/** Mean and standard deviation of a normal distribution, or lowest and highest of whole numbers. */
type Distribution =
  | { readonly mean: number; readonly deviation: number }
  | { readonly from: number; readonly to: number };

const around = (mean: number, deviation: number): Distribution => ({ mean, deviation });
const between = (from: number, to: number): Distribution => ({ from, to });

type Recipe = Readonly<
  Partial<Record<Exclude<keyof FlatObject, 'sources' | 'username' | 'username_type'>, Distribution>>
>;

export const NORMAL: Recipe = {
  packets_per_second: around(80, 15),
  bytes_per_second: around(60_000, 15_000),
  unique_ips: between(3, 14),
  unique_ports: between(2, 7),
  tcp_packets: around(60, 15),
  udp_packets: around(15, 5),
  syn_packets: around(25, 8),
  avg_latency_ms: around(5, 2),
  max_latency_ms: around(15, 5),
  jitter_ms: around(1, 0.5),
  packet_loss_rate: around(0.001, 0.002),
};

export const ATTACKS: Readonly<Partial<Record<RuleThreat, Recipe>>> = {
  port_scan: {
    packets_per_second: around(800, 100),
    bytes_per_second: around(200_000, 50_000),
    unique_ips: between(1, 2),
    unique_ports: between(40, 149),
    tcp_packets: around(750, 50),
    udp_packets: around(50, 10),
    syn_packets: around(700, 50),
  },
  ddos: {
    packets_per_second: around(5000, 500),
    bytes_per_second: around(8_000_000, 1_000_000),
    unique_ips: between(50, 199),
    unique_ports: between(1, 4),
    tcp_packets: around(4500, 300),
    udp_packets: around(500, 100),
    syn_packets: around(4000, 200),
    avg_latency_ms: around(25, 10),
    jitter_ms: around(8, 3),
    packet_loss_rate: around(0.03, 0.01),
  },
  data_exfiltration: {
    packets_per_second: around(300, 50),
    bytes_per_second: around(15_000_000, 2_000_000),
    unique_ips: between(1, 3),
    unique_ports: between(1, 2),
    tcp_packets: around(285, 20),
    udp_packets: around(15, 5),
    syn_packets: around(30, 10),
  },
  syn_flood: {
    packets_per_second: around(2000, 200),
    bytes_per_second: around(500_000, 100_000),
    unique_ips: between(5, 19),
    unique_ports: between(1, 1),
    tcp_packets: around(1980, 20),
    udp_packets: around(20, 5),
    syn_packets: around(1950, 30),
    avg_latency_ms: around(35, 10),
    jitter_ms: around(12, 4),
    packet_loss_rate: around(0.05, 0.02),
  },
  qos_degradation: {
    packets_per_second: around(150, 30),
    bytes_per_second: around(80_000, 20_000),
    unique_ips: between(5, 14),
    unique_ports: between(3, 7),
    tcp_packets: around(120, 20),
    udp_packets: around(30, 10),
    syn_packets: around(40, 10),
    avg_latency_ms: around(85, 20),
    max_latency_ms: around(180, 40),
    jitter_ms: around(25, 8),
    packet_loss_rate: around(0.08, 0.02),
  },
};

/** The factor of busy times on the packet rate of normal traffic, and how often each comes. */
const PEAKS = [
  [1, 0.8],
  [1, 0.1],
  [2, 0.07],
  [3, 0.03],
] as const;

export interface InjectedAttack {
  readonly threat: RuleThreat;
  readonly observed: FlatObject;
}

/** The same number of each attack, in turn. */
export function injectedAttacks(each: number, seed: number): InjectedAttack[] {
  const random = seededRandom(seed);
  return Object.entries(ATTACKS).flatMap(([threat, recipe]) =>
    Array.from({ length: each }, () => ({ threat: threat as RuleThreat, observed: draw(recipe, random) })),
  );
}

/** Normal traffic of the demo with its busy times. */
export function normalTraffic(count: number, seed: number): FlatObject[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const drawn = draw(NORMAL, random);
    return { ...drawn, packets_per_second: (drawn.packets_per_second ?? 0) * peak(random()) };
  });
}

function peak(at: number): number {
  let sum = 0;
  for (const [factor, probability] of PEAKS) {
    sum += probability;
    if (at < sum) return factor;
  }
  return 1;
}

function draw(recipe: Recipe, random: Random): FlatObject {
  return Object.fromEntries(
    Object.entries(recipe).map(([name, distribution]) => [name, sample(name, distribution, random)]),
  );
}

/** Nothing is negative; counts are whole; a ratio is at most 1. */
function sample(name: string, distribution: Distribution, random: Random): number {
  if ('from' in distribution)
    return distribution.from + Math.floor(random() * (distribution.to - distribution.from + 1));
  const value = Math.max(0, distribution.mean + distribution.deviation * normal(random));
  if (name.endsWith('_rate')) return Math.min(1, value);
  return name.endsWith('_packets') ? Math.round(value) : value;
}
