/** The collector reads the maps as the compiled programs lay them out, and the committed object is what the sources compile to. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../collector/kernel/address.ts';
import { hyperLogLog, linearCount, popCount } from '../collector/kernel/cardinality.ts';
import {
  ADDRESS_BYTES,
  ADMISSION,
  BLOCK,
  CONSTANTS,
  PREFIX,
  SOURCE,
  STATE,
  WINDOW,
} from '../collector/kernel/layout.ts';
import { missingCapabilities } from '../collector/kernel/privileges.ts';
import { readSource } from '../collector/kernel/top-sources.ts';
import { sumWindows } from '../collector/kernel/window-counts.ts';
import { seededRandom } from '../models/random.ts';
import { named } from './ebpf-machine.ts';
import { btfTypes, STRUCT, sections, symbols } from './ebpf-object.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const OBJECTS = ['collector/bpf/vigia.bpf.o', 'bench/empty.bpf.o'];
const object = sections(readFileSync(join(root, 'collector/bpf/vigia.bpf.o')));
const types = btfTypes(object.get('.BTF') ?? Buffer.alloc(0));

const struct = (name: string) => types.find((type) => type.kind === STRUCT && type.name === name);
const offsets = (name: string) => {
  return Object.fromEntries((struct(name)?.members ?? []).map(({ name, offset }) => [name, offset]));
};

describe('the layout of the maps', () => {
  it.each([
    ['window', WINDOW],
    ['source', SOURCE],
    ['admission', ADMISSION],
    ['prefix', PREFIX],
    ['block', BLOCK],
  ])('struct %s has the size and the offsets that the collector reads by', (name, { size: expected, ...fields }) => {
    expect(struct(name)?.size).toBe(expected);
    expect(offsets(name)).toEqual(fields);
  });

  it('constants and state lie where the collector writes them', () => {
    const places = symbols(object);
    for (const [name, at] of Object.entries(CONSTANTS)) expect([name, places.get(name)]).toEqual([name, at]);
    const { size: _, ...state } = STATE;
    for (const [name, at] of Object.entries(state)) expect([name, places.get(name)]).toEqual([name, at]);
    expect(object.get('.rodata')?.length).toBeGreaterThanOrEqual(16);
    expect(struct('address')?.size).toBe(ADDRESS_BYTES);
  });
});

describe('a struct source', () => {
  // prettier-ignore
  const bytes = [
    0x07,
    0,
    0,
    0,
    0,
    0,
    0,
    0, // packets: 7
    0x00,
    0x10,
    0,
    0,
    0,
    0,
    0,
    0, // bytes in: 4,096
    0x01,
    0,
    0,
    0,
    0x01,
    0,
    0,
    0, // bytes out: 2^32 + 1
    0x05,
    0,
    0,
    0, // syn_packets: 5
    0x03,
    0,
    0,
    0, // port_count: 3
    0xff,
    0xff,
    0xff,
    0xff, // lock: not looked at
    ...[22, 0, 80, 0, 0xbb, 0x01, ...new Array(26).fill(0)], // ports: 22, 80, 443
    0xff,
    0xff,
    0xff,
    0xff, // reserved: not looked at
    ...[0x11, 0, 0, 0, 0, 0, 0, 0x80, ...new Array(56).fill(0)], // port_bits: three
  ];

  it('is read byte by byte', () => {
    expect(bytes.length).toBe(SOURCE.size);
    expect(readSource(new DataView(Uint8Array.from(bytes).buffer), 0, 'a')).toEqual({
      ip: 'a',
      packets: 7,
      bytes: 4096 + 2 ** 32 + 1,
      syn_packets: 5,
      unique_ports: 3,
    });
  });

  it('has its ports estimated, never below 17, where they did not fit', () => {
    const more = Uint8Array.from(bytes);
    more[SOURCE.port_count] = 17;
    expect(readSource(new DataView(more.buffer), 0, 'a').unique_ports).toBe(17);
    more.fill(0xff, SOURCE.port_bits, SOURCE.port_bits + 32);
    expect(readSource(new DataView(more.buffer), 0, 'a').unique_ports).toBe(Math.round(512 * Math.log(2)));
  });
});

describe('the parts of the processors', () => {
  const counters = [
    'tcp_packets',
    'udp_packets',
    'icmp_packets',
    'syn_packets',
    'parse_errors',
    'sources_not_tracked',
  ] as const;

  it('add up, ports and registers as sets', () => {
    const parts = new Uint32Array((3 * WINDOW.size) / 4);
    const view = new DataView(parts.buffer);
    for (const part of [0, 2]) {
      const at = part * WINDOW.size;
      view.setBigUint64(at + WINDOW.packets, 2n ** 33n, true);
      view.setBigUint64(at + WINDOW.packets + 8, 5n, true);
      view.setBigUint64(at + WINDOW.bytes, 100n, true);
      for (const [i, counter] of counters.entries()) view.setBigUint64(at + WINDOW[counter], BigInt(i + 1), true);
      view.setUint8(at + WINDOW.ports + 10, 0b11);
      view.setUint8(at + WINDOW.ports + 11 + part, 1);
      view.setUint8(at + WINDOW.registers + 77, 3 + part);
    }
    const sum = sumWindows(parts);
    expect(sum).toMatchObject({
      packets_in: 2 ** 34,
      packets_out: 10,
      bytes_in: 200,
      bytes_out: 0,
      unique_ports: 4,
      unique_ips: 1,
    });
    expect(counters.map((counter) => sum[counter])).toEqual([2, 4, 6, 8, 10, 12]);
  });
});

describe('distinct counts', () => {
  it('bits of a word are counted', () => {
    const slow = (word: number) => word.toString(2).replaceAll('0', '').length;
    fc.assert(
      fc.property(fc.nat(0xffffffff), (word) => popCount(word | 0) === slow(word) && popCount(word) === slow(word)),
    );
  });

  it('linear counting finds what was put in, within the error that Whang et al. (1990) give', () => {
    const bits = 512;
    const trials = 400;
    const random = seededRandom(42);
    for (const items of [1, 2, 10, 100, 300, 600, 1_000]) {
      let sum = 0;
      for (let trial = 0; trial < trials; trial++) {
        const set = new Set(Array.from({ length: items }, () => Math.floor(random() * bits))).size;
        sum += linearCount(set, bits);
      }
      const load = items / bits;
      const spread = Math.exp(load) - load - 1;
      const [bias, deviation] = [spread / 2, Math.sqrt(bits * spread)];
      expect(Math.abs(sum / trials - items - bias)).toBeLessThanOrEqual((4 * deviation) / Math.sqrt(trials));
    }
    expect(linearCount(0, bits)).toBe(0);
    expect(linearCount(bits, bits)).toBeGreaterThan(3000);
  });

  it('HyperLogLog finds sizes from 0 to a million within 7 %', () => {
    let state = 42n;
    const next = () => {
      state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
      return Number((state >> 20n) & 0xfffffffffffn);
    };
    const registers = new Uint8Array(4096);
    let added = 0;
    for (const wanted of [0, 1, 10, 1000, 10_000, 12_000, 200_000, 1_000_000]) {
      for (; added < wanted; added++) {
        const hash = next();
        const rest = Math.floor(hash / 4096);
        const rank = rest === 0 ? 33 : 32 - Math.clz32(rest & -rest);
        registers[hash % 4096] = Math.max(registers[hash % 4096] ?? 0, rank);
      }
      expect(Math.abs(hyperLogLog(registers) - wanted)).toBeLessThanOrEqual(0.07 * wanted);
    }
  });
});

describe('addresses', () => {
  it('are written as RFC 5952 says, mapped ones as IPv4', () => {
    const format = (text: string) => formatAddress(Uint8Array.from(ipaddr.parse(text).toByteArray()));
    expect(format('::ffff:192.0.2.7')).toBe('192.0.2.7');
    expect(format('2001:db8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1');
    expect(format('::')).toBe('::');
  });
});

describe('privileges', () => {
  it.each([
    ['000001ffffffffff', []],
    ['0000000000000000', ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON']],
    ['000000c000001000', []],
    ['0000000000200000', ['CAP_NET_ADMIN']],
    ['0000008000001000', ['CAP_PERFMON']],
  ])('CapEff %s lacks %j', (effective, lacking) => {
    expect(missingCapabilities(`Name:\tx\nCapEff:\t${effective}\n`)).toEqual(lacking);
  });
});

const clang = spawnSync('clang', ['--version'], { encoding: 'utf8' }).stdout ?? '';
const version = /version (\d+)/.exec(clang)?.[1];
const reason = version === '14' ? '' : version ? `needs clang 14, this is ${version}` : 'needs clang';

const ARM64_HEADERS = '/usr/aarch64-linux-gnu/include';
const withoutArm64 = reason || (existsSync(ARM64_HEADERS) ? '' : 'needs linux-libc-dev-arm64-cross');

function expectCommitted(...headers: string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-build-'));
  try {
    const args = [join(root, 'setup/build-bpf.mjs'), folder, ...headers];
    const build = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(build.status, build.stderr).toBe(0);
    for (const path of OBJECTS) {
      const built = readFileSync(join(folder, path.split('/').pop() ?? ''));
      expect(built.equals(readFileSync(join(root, path))), `${path}: run npm run build:bpf and commit it`).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the committed object', () => {
  it.skipIf(reason)(named('is what the sources compile to', reason), () => expectCommitted());

  it.skipIf(withoutArm64)(named('is what they compile to for arm64, to the byte', withoutArm64), () =>
    expectCommitted(ARM64_HEADERS),
  );

  it('names no path of the machine that built it', () => {
    for (const path of OBJECTS)
      expect(readFileSync(join(root, path)).toString('latin1')).not.toMatch(/\/(home|root|work|tmp)\//);
  });
});
