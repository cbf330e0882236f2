/** Builds Ethernet frames and runs them through the loaded programs without an interface (BPF_PROG_TEST_RUN). */
import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { kernel } from '../collector/kernel/libbpf.ts';
import { loadProgram, type Program } from '../collector/kernel/program.ts';
import { WindowBuffers, type WindowCounts } from '../collector/kernel/window-counts.ts';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMP6 = 58;

export const OBJECT = readFileSync(new URL('../collector/bpf/vigia.bpf.o', import.meta.url));

const u16 = (...values: number[]): number[] => values.flatMap((value) => [(value >> 8) & 255, value & 255]);
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];
const zeros = (count: number): number[] => new Array<number>(count).fill(0);

/** Link header with VLAN tags, outermost first, then the type. */
export function ethernet(type: number, rest: number[], tags: number[] = []): Uint8Array {
  const vlan = tags.flatMap((tag) => [...u16(tag), ...u16(7)]);
  return Uint8Array.from([...zeros(5), 1, ...zeros(5), 2, ...vlan, ...u16(type), ...rest]);
}

export interface Ipv4 {
  from: string;
  to: string;
  protocol: number;
  /** In units of 8 bytes, with the more-fragments flag as 0x2000. */
  fragment?: number;
  options?: number;
}

export function ipv4({ from, to, protocol, fragment = 0, options = 0 }: Ipv4, rest: number[]): number[] {
  const header = 20 + options;
  const length = header + rest.length;
  const addresses = [...ipaddr.parse(from).toByteArray(), ...ipaddr.parse(to).toByteArray()];
  return [
    ...[0x40 | (header / 4), 0, ...u16(length, 1, fragment), 64, protocol, 0, 0],
    ...[...addresses, ...zeros(options), ...rest],
  ];
}

export function ipv6(from: string, to: string, next: number, rest: number[]): number[] {
  const addresses = [...ipaddr.parse(from).toByteArray(), ...ipaddr.parse(to).toByteArray()];
  return [0x60, 0, 0, 0, ...u16(rest.length), next, 64, ...addresses, ...rest];
}

export interface Numbers {
  sequence?: number;
  acknowledgement?: number;
  /** Blocks of a selective acknowledgement, left and right edges. */
  sack?: [number, number][];
}

export function tcp(
  from: number,
  to: number,
  flags: number,
  payload = 0,
  { sequence = 1, acknowledgement = 1, sack = [] }: Numbers = {},
): number[] {
  const blocks = sack.flatMap(([left, right]) => [...u32(left), ...u32(right)]);
  const options = sack.length === 0 ? [] : [1, 1, 5, 2 + blocks.length, ...blocks];
  const words = 5 + options.length / 4;
  return [
    ...[...u16(from, to), ...u32(sequence), ...u32(acknowledgement), words << 4, flags, ...u16(1024, 0, 0)],
    ...[...options, ...zeros(payload)],
  ];
}

export const udp = (from: number, to: number, payload = 4): number[] => [
  ...u16(from, to, 8 + payload, 0),
  ...zeros(payload),
];

/** A pcap file of these frames. */
export function pcapFile(frames: Uint8Array[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20);
  return Buffer.concat([
    header,
    ...frames.flatMap((frame) => {
      const record = Buffer.alloc(16);
      record.writeUInt32LE(frame.length, 8);
      record.writeUInt32LE(frame.length, 12);
      return [record, frame];
    }),
  ]);
}

/** Offsets in struct bpf_test_run_opts (libbpf 1.0) and in struct __sk_buff, which is its context. */
const RUN = {
  size: 88,
  data_in: 8,
  data_size_in: 24,
  ctx_in: 32,
  ctx_size_in: 48,
  retval: 56,
  repeat: 60,
  duration: 64,
} as const;
const SKB = { size: 192, gso_segs: 164, gso_size: 176 } as const;

export interface Run {
  repeat?: number;
  gso_segs?: number;
  gso_size?: number;
}

/** @returns nanoseconds a run, by the kernel's own measurement */
export const run = (programFd: number, frame: Uint8Array, options: Run = {}): number =>
  testRun(programFd, frame, options).readUInt32LE(RUN.duration);

/** TC_ACT_SHOT and XDP_DROP. */
const DROPPED = { tcx: 2, xdp: 1 } as const;

/** @returns the struct bpf_test_run_opts as the kernel filled it */
function testRun(programFd: number, frame: Uint8Array, { repeat = 1, gso_segs = 0, gso_size = 0 }: Run): Buffer {
  const context = Buffer.alloc(SKB.size);
  context.writeUInt32LE(gso_segs, SKB.gso_segs);
  context.writeUInt32LE(gso_size, SKB.gso_size);
  const options = Buffer.alloc(RUN.size);
  options.writeBigUInt64LE(BigInt(RUN.size), 0);
  options.writeBigUInt64LE(kernel().addressOf(frame), RUN.data_in);
  options.writeUInt32LE(frame.length, RUN.data_size_in);
  if (gso_size > 0) {
    options.writeBigUInt64LE(kernel().addressOf(context), RUN.ctx_in);
    options.writeUInt32LE(SKB.size, RUN.ctx_size_in);
  }
  options.writeInt32LE(repeat, RUN.repeat);
  kernel().testRun(programFd, options);
  return options;
}

export type Direction = 'in' | 'out';

/** The programs, loaded but attached to nothing. */
export class Bench {
  readonly program: Program;
  readonly #buffers: WindowBuffers;

  constructor(link_bytes = 14) {
    this.program = loadProgram(OBJECT, link_bytes, 0x5eedn);
    this.#buffers = new WindowBuffers(this.program);
  }

  send(direction: Direction, frame: Uint8Array, options: Run = {}): void {
    run(direction === 'in' ? this.program.ingress : this.program.egress, frame, options);
  }

  /** Whether a frame that comes in is dropped, at either hook. */
  drops(hook: keyof typeof DROPPED, frame: Uint8Array): boolean {
    const program = hook === 'tcx' ? this.program.ingress : this.program.block;
    return testRun(program, frame, {}).readUInt32LE(RUN.retval) === DROPPED[hook];
  }

  /** What has been counted since the last call. */
  take(): Promise<WindowCounts> {
    return this.#buffers.read(this.#buffers.flip(), () => {});
  }

  close(): void {
    this.program.close();
  }
}
