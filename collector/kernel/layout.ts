/** Where the fields of collector/bpf/vigia.h lie, in bytes; test/ebpf-layout.test.ts compares them with the object's own BTF. */

export const HLL_REGISTERS = 4096;
export const PORT_BITS = 65_536;
export const SOURCE_PORTS = 16;
export const SOURCE_PORT_BITS = 512;
export const ADDRESS_BYTES = 16;
/** Entries that the block list and the allowlist have room for. */
export const MAX_BLOCKS = 16_384;
export const MAX_ALLOWED = 1024;

/** `struct window`: what one CPU counted. */
export const WINDOW = {
  size: 12_496,
  packets: 0,
  bytes: 16,
  tcp_packets: 32,
  udp_packets: 48,
  icmp_packets: 64,
  syn_packets: 80,
  parse_errors: 88,
  sources_not_tracked: 96,
  conversations_evicted: 104,
  rtt_samples: 112,
  rtt_sum_us: 120,
  rtt_max_us: 128,
  rtt_changes: 136,
  rtt_change_sum_us: 144,
  segments_sent: 152,
  segments_resent: 160,
  resent_followed: 168,
  resent_needless: 176,
  packets_blocked: 184,
  bytes_blocked: 192,
  flows_evicted: 200,
  ports: 208,
  registers: 8400,
} as const;

/** `struct source`: what one remote address did. */
export const SOURCE = {
  size: 136,
  packets: 0,
  bytes: 8,
  syn_packets: 24,
  port_count: 28,
  lock: 32,
  ports: 36,
  reserved: 68,
  port_bits: 72,
} as const;

/** `struct admission`: what a sources map has taken in; cleared as a whole. */
export const ADMISSION = { size: 8200, known: 0, sources: 8192, reserved: 8196 } as const;

/** `struct prefix`: key of the block list and of the allowlist. */
export const PREFIX = { size: 20, bits: 0, address: 4 } as const;

/** `struct block`: one entry of the block list. */
export const BLOCK = { size: 32, until_ns: 0, packets: 8, bytes: 16, enforced: 24, reserved: 28 } as const;

/** The constants in `.rodata` that the collector writes before it loads the programs, and `.bss`. */
export const CONSTANTS = { seed: 0, coarse_clock: 8, link_bytes: 12 } as const;
export const STATE = { size: 24, block_count: 0, holds_until_ns: 8, epoch: 16 } as const;
