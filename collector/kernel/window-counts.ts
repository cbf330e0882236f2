/** Reads and clears one buffer of windows, and adds up what the processors counted. */
import type { Source } from '../../contract/network-window.ts';
import type { QualityCounts } from '../window/quality.ts';
import { hyperLogLog, popCount } from './cardinality.ts';
import { ADMISSION, HLL_REGISTERS, PORT_BITS, WINDOW } from './layout.ts';
import { kernel } from './libbpf.ts';
import type { Program } from './program.ts';
import { type OnOpened, TopSources } from './top-sources.ts';

export const PROTOCOLS = ['tcp', 'udp', 'icmp', 'other'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A count by where it went. */
export interface Directions {
  readonly in: number;
  readonly out: number;
}

/** What an interface saw between two rotations; segments and bytes by wire. */
export interface WindowCounts extends QualityCounts {
  packets_in: number;
  packets_out: number;
  bytes_in: number;
  bytes_out: number;
  tcp_packets: number;
  udp_packets: number;
  icmp_packets: number;
  /** The same, and what is none of them, by direction. */
  by_direction: Record<Protocol, Directions>;
  syn_packets: number;
  parse_errors: number;
  sources_not_tracked: number;
  conversations_evicted: number;
  /** Sending sides of connections that network quality was no longer followed of. */
  flows_evicted: number;
  /** Dropped by the block list, or to be dropped were it no dry run. */
  packets_blocked: number;
  bytes_blocked: number;
  unique_ips: number;
  unique_ports: number;
  sources: Source[];
}

const WORDS = WINDOW.size / 4;
const PORT_WORDS = PORT_BITS / 32;

/** Adds up the parts of the processors: each a `struct window`, one after another. The addresses come from the sources map. */
export function sumWindows(parts: Uint32Array): Omit<WindowCounts, 'sources'> {
  const total = (field: number): number => {
    let sum = 0;
    for (let at = field / 4; at < parts.length; at += WORDS) sum += (parts[at] ?? 0) + (parts[at + 1] ?? 0) * 2 ** 32;
    return sum;
  };
  const ports = new Uint32Array(PORT_WORDS);
  const registers = new Uint8Array(HLL_REGISTERS);
  for (let part = 0; part < parts.length; part += WORDS) {
    const packets = WINDOW.packets / 4 + part;
    if (!parts[packets] && !parts[packets + 1] && !parts[packets + 2] && !parts[packets + 3]) continue;
    for (let i = 0; i < PORT_WORDS; i++) ports[i]! |= parts[part + WINDOW.ports / 4 + i]!;
    const own = new Uint8Array(parts.buffer, parts.byteOffset + 4 * part + WINDOW.registers, HLL_REGISTERS);
    for (let i = 0; i < HLL_REGISTERS; i++) if (own[i]! > registers[i]!) registers[i] = own[i]!;
  }
  let rtt_max_us = 0;
  for (let at = WINDOW.rtt_max_us / 4; at < parts.length; at += WORDS)
    rtt_max_us = Math.max(rtt_max_us, parts[at] ?? 0);
  const pair = (field: number): Directions => ({ in: total(field), out: total(field + 8) });
  const [all, tcp, udp, icmp] = [
    pair(WINDOW.packets),
    pair(WINDOW.tcp_packets),
    pair(WINDOW.udp_packets),
    pair(WINDOW.icmp_packets),
  ];
  const other = { in: all.in - tcp.in - udp.in - icmp.in, out: all.out - tcp.out - udp.out - icmp.out };
  return {
    packets_in: all.in,
    packets_out: all.out,
    bytes_in: total(WINDOW.bytes),
    bytes_out: total(WINDOW.bytes + 8),
    tcp_packets: tcp.in + tcp.out,
    udp_packets: udp.in + udp.out,
    icmp_packets: icmp.in + icmp.out,
    by_direction: { tcp, udp, icmp, other },
    syn_packets: total(WINDOW.syn_packets),
    parse_errors: total(WINDOW.parse_errors),
    sources_not_tracked: total(WINDOW.sources_not_tracked),
    conversations_evicted: total(WINDOW.conversations_evicted),
    flows_evicted: total(WINDOW.flows_evicted),
    rtt_samples: total(WINDOW.rtt_samples),
    rtt_sum_us: total(WINDOW.rtt_sum_us),
    rtt_max_us,
    rtt_changes: total(WINDOW.rtt_changes),
    rtt_change_sum_us: total(WINDOW.rtt_change_sum_us),
    segments_sent: total(WINDOW.segments_sent),
    segments_resent: total(WINDOW.segments_resent),
    resent_followed: total(WINDOW.resent_followed),
    resent_needless: total(WINDOW.resent_needless),
    packets_blocked: total(WINDOW.packets_blocked),
    bytes_blocked: total(WINDOW.bytes_blocked),
    unique_ips: Math.round(hyperLogLog(registers)),
    unique_ports: ports.reduce((sum, word) => sum + popCount(word), 0),
  };
}

/** The two buffers of a loaded program. */
export class WindowBuffers {
  readonly #program: Program;
  readonly #parts: Uint32Array;
  readonly #zeros: Uint32Array;
  readonly #key = new Uint32Array(1);
  readonly #first = new Uint32Array(1);
  readonly #barrierValue: Uint32Array;
  readonly #noAdmissions = new Uint8Array(ADMISSION.size);
  readonly #topSources = new TopSources();

  constructor(program: Program) {
    const words = WORDS * kernel().possibleCpus();
    this.#program = program;
    this.#parts = new Uint32Array(words);
    this.#zeros = new Uint32Array(words);
    this.#barrierValue = new Uint32Array([program.maps.admissions]);
  }

  /** Lets the programs count into the other buffer from now on. @returns the buffer that `read` may then take */
  flip(): number {
    const full = this.#program.epoch[0]! & 1;
    this.#program.epoch[0] = full ^ 1;
    return full;
  }

  /**
   * Waits until no program writes into `buffer` any more, then reads and clears it.
   * @throws KernelError
   */
  async read(buffer: number, onOpened: OnOpened): Promise<WindowCounts> {
    const { maps } = this.#program;
    await kernel().updateAside(maps.barrier, this.#first, this.#barrierValue);
    this.#key[0] = buffer;
    kernel().lookup(maps.windows, this.#key, this.#parts);
    kernel().update(maps.windows, this.#key, this.#zeros);
    const { addresses, sources } = this.#topSources.take(buffer === 0 ? maps.sources_0 : maps.sources_1, onOpened);
    kernel().update(maps.admissions, this.#key, this.#noAdmissions);
    const counts = sumWindows(this.#parts);
    const unique_ips = counts.sources_not_tracked === 0 ? addresses : Math.max(addresses, counts.unique_ips);
    return { ...counts, unique_ips, sources };
  }
}
