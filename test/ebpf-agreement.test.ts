/** Two readings of docs/window.md, one in the kernel and one in TypeScript, see the same window in every capture. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CaptureParser } from '../collector/capture/capture-parser.ts';
import { LINK } from '../collector/capture/frame.ts';
import { pcapSource } from '../collector/sources/pcap.ts';
import type { WindowSource } from '../collector/sources/source.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { readingOf } from './capture-reading.ts';
import { Bench, type Direction, ethernet, ipv4, ipv6, TCP, tcp, UDP, udp } from './ebpf-frames.ts';
import { finish, type Link, makeLink, observe } from './ebpf-link.ts';
import { CAPTURES, missing, named } from './ebpf-machine.ts';

/** The whole capture in one window: longer than any of them, from 1970 on. */
const PERIOD_MS = 1e13;

/** Addresses that fit without sampling, and ports of a source that are kept as they are; beyond, the kernel estimates. */
const EXACT_ADDRESSES = 4096;
const EXACT_PORTS = 16;

const COUNTS = [
  'packets',
  'bytes',
  'tcp_packets',
  'udp_packets',
  'icmp_packets',
  'syn_packets',
  'unique_ports',
] as const;
const pick = (window: NetworkWindow) => Object.fromEntries(COUNTS.map((field) => [field, window[field]]));

async function windowsOf(source: WindowSource): Promise<NetworkWindow[]> {
  const windows: NetworkWindow[] = [];
  for await (const window of source.windows(new AbortController().signal)) windows.push(window);
  return windows;
}

/** Longest frame that every kernel's test run takes: a page less what surrounds it. */
const LONGEST_RUN = 3500;
/** A segment that comes again ten milliseconds later may be lost to one and late to the other, whose clock is coarse: then they try again. */
const TRIES = 8;

/** The frames of an Ethernet capture; those between the same two addresses go in one way and out the other. */
function framesOf(file: string, out: 'lower' | 'higher'): [Direction, Uint8Array][] {
  const frames: [Direction, Uint8Array][] = [];
  const parser = new CaptureParser(({ data, start, end, linkType }) => {
    expect(linkType).toBe(LINK.ethernet);
    const frame = Buffer.from(data.subarray(start, Math.min(end, start + LONGEST_RUN)));
    const isIpv6 = frame.length > 14 && frame.readUInt16BE(12) === 0x86dd;
    const [at, bytes] = isIpv6 ? [22, 16] : [26, 4];
    const order = frame.subarray(at, at + bytes).compare(frame.subarray(at + bytes, at + 2 * bytes));
    frames.push([order < 0 === (out === 'lower') ? 'out' : 'in', frame]);
  });
  parser.push(readFileSync(file));
  parser.end();
  return frames;
}

/** Runs the frames through the programs and through the reader, and compares their windows. @returns that of the reader, and what it tells of the path */
async function expectAgreement(
  frames: readonly [Direction, Uint8Array][],
  triesLeft = TRIES,
): Promise<ReturnType<typeof readingOf>> {
  const bench = new Bench();
  try {
    const began_ms = performance.now();
    const times_us: number[] = [];
    for (const [direction, bytes] of frames) {
      times_us.push(1 + 1000 * (performance.now() - began_ms));
      bench.send(direction, bytes);
    }
    const counted = await bench.take();
    const reading = readingOf(frames, times_us);
    const { window, quality, parse_errors } = reading;
    const { segments_sent, segments_resent } = counted;
    const packets = counted.packets_in + counted.packets_out;
    const bytes = counted.bytes_in + counted.bytes_out;
    expect({ ...counted, packets, bytes }).toMatchObject({ ...pick(window), parse_errors });
    expect(counted.bytes_out).toBeCloseTo((window.bytes_out_per_second ?? Number.NaN) * window.duration_s);
    expect(segments_sent).toBe(quality.segments_sent);
    if (segments_resent !== quality.segments_resent && triesLeft > 1)
      return await expectAgreement(frames, triesLeft - 1);
    expect(segments_resent).toBe(quality.segments_resent);
    expectSameAddresses(counted, window);
    return reading;
  } finally {
    bench.close();
  }
}

/** The kernel keeps them as they are while they are few, and estimates beyond. */
function expectSameAddresses(
  byKernel: Pick<NetworkWindow, 'unique_ips' | 'sources'>,
  byReader: Pick<NetworkWindow, 'unique_ips' | 'sources'>,
): void {
  const addresses = byReader.unique_ips ?? 0;
  if (addresses > EXACT_ADDRESSES) {
    expect(Math.abs((byKernel.unique_ips ?? 0) / addresses - 1)).toBeLessThan(0.07);
    return;
  }
  expect(byKernel.unique_ips).toBe(addresses);
  const ports = ({ unique_ports }: { unique_ports?: number | null }) => unique_ports ?? 0;
  const [kernelSources, readerSources] = [byKernel.sources ?? [], byReader.sources ?? []];
  for (const [i, mine] of kernelSources.entries())
    expect(Math.abs(ports(mine) - ports(readerSources[i]!))).toBeLessThanOrEqual(
      ports(readerSources[i]!) <= EXACT_PORTS ? 0 : 0.15 * ports(readerSources[i]!),
    );
  const rest = (list: typeof kernelSources) => list.map(({ unique_ports: _, ...source }) => source);
  expect(rest(kernelSources)).toEqual(rest(readerSources));
}

const privileges = missing();
const captures = existsSync(CAPTURES) ? globSync('*/*.pcap*', { cwd: CAPTURES }).sort() : [];
const reason = missing('ip', 'tc', 'sysctl', 'tcpreplay') || (captures.length > 0 ? '' : 'needs the shared captures');
const withoutCaptures = privileges || (captures.length > 0 ? '' : 'needs the shared captures');

describe.skipIf(privileges)(named('the kernel and the capture reader, on frames nobody sends', privileges), () => {
  const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '198.51.100.7');
  const port = fc.constantFrom(22, 53, 80, 443, 40_000, 50_000);
  const sequence = fc.constantFrom(1, 1449, 2897, 0xfffffff0);
  const edges = fc.tuple(sequence, sequence);
  const numbers = fc.record({ sequence, acknowledgement: sequence, sack: fc.array(edges, { maxLength: 4 }) });
  const transport = fc.oneof(
    fc
      .tuple(port, port, fc.nat(63), fc.constantFrom(0, 1, 3, 1448), numbers)
      .map((fields) => [TCP, tcp(...fields)] as const),
    fc.tuple(port, port, fc.nat(9)).map((fields) => [UDP, udp(...fields)] as const),
    fc.constantFrom([1, [8, 0, 0, 0]] as const, [58, [135, 0, 0, 0]] as const, [47, [0, 0]] as const),
  );
  /** IPv6 extension headers before the rest: their types, of 8 to 24 bytes each. */
  const extended = (headers: number[], last: number, rest: number[]): number[] =>
    headers
      .flatMap((type, i) => {
        const length = type === 44 ? 0 : i % 3;
        return [headers[i + 1] ?? last, length, ...new Array<number>(6 + 8 * length).fill(type === 44 ? i % 2 : 0)];
      })
      .concat(rest);
  const network = fc.oneof(
    fc
      .tuple(address, address, transport, fc.constantFrom(0, 0, 0x2000, 5), fc.constantFrom(0, 4, 40))
      .map(
        ([from, to, [protocol, rest], fragment, options]) =>
          [0x0800, ipv4({ from, to, protocol, fragment, options }, [...rest])] as const,
      ),
    fc
      .tuple(address, address, transport, fc.array(fc.constantFrom(0, 43, 44, 60), { maxLength: 7 }))
      .map(
        ([from, to, [protocol, rest], headers]) =>
          [
            0x86dd,
            ipv6(
              `::ffff:${from}`,
              `2001:db8::${to.split('.').pop()}`,
              headers[0] ?? protocol,
              extended(headers, protocol, [...rest]),
            ),
          ] as const,
      ),
    fc.constant([0x0806, new Array<number>(28).fill(1)] as const),
  );
  const tags = fc.array(fc.constantFrom(0x8100, 0x88a8), { maxLength: 3 });
  const damage = fc.option(fc.tuple(fc.nat(80), fc.nat(255)), { freq: 2 });
  const cut = fc.option(fc.integer({ min: 18, max: 90 }), { freq: 3 });
  const frame = fc.tuple(network, tags, damage, cut).map(([[type, rest], tags, damage, cut]) => {
    const bytes = ethernet(type, [...rest], tags);
    if (damage && damage[0] >= 12 && damage[0] < bytes.length) bytes[damage[0]] = damage[1];
    // The kernel's test run takes no untagged IP frame that is shorter than its header; damage makes some of tagged ones.
    const least = [0x0800, 0x86dd].includes(Buffer.from(bytes).readUInt16BE(12)) ? 54 : 18;
    return cut && cut < bytes.length ? bytes.slice(0, Math.max(cut, least)) : bytes;
  });

  /** Of one connection, so that what was sent comes again and is acknowledged. */
  const edge = fc.nat(6).map((segments) => 1 + 1448 * segments);
  const segment = fc
    .tuple(fc.constantFrom('in' as const, 'out' as const), edge, edge, fc.array(fc.tuple(edge, edge), { maxLength: 2 }))
    .map(([direction, sequence, acknowledgement, sack]): [Direction, Uint8Array] => {
      const [from, to] = direction === 'out' ? ['192.0.2.9', '198.51.100.9'] : ['198.51.100.9', '192.0.2.9'];
      const [here, there, payload] = direction === 'out' ? ([443, 50_001, 1448] as const) : ([50_001, 443, 0] as const);
      const rest = tcp(here, there, 16, payload, { sequence, acknowledgement, sack });
      return [direction, ethernet(0x0800, ipv4({ from, to, protocol: TCP }, rest))];
    });
  const directed = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom('in' as const, 'out' as const), frame) },
    { weight: 1, arbitrary: segment },
  );

  it('agree on a hundred sequences of a thousand frames each, damaged and cut ones among them', async () => {
    let frameCount = 0;
    let resent = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(directed, { minLength: 1000, maxLength: 1000, size: 'max' }), async (frames) => {
        frameCount += frames.length;
        const { quality } = await expectAgreement(frames);
        resent += quality.segments_resent;
      }),
      { numRuns: 100, endOnFailure: true },
    );
    expect(frameCount).toBe(100_000);
    expect(resent).toBeGreaterThan(1000);
  }, 180_000);
});

describe.skipIf(withoutCaptures)(
  named('the kernel and the capture reader, in both directions', withoutCaptures),
  () => {
    it.each(captures)('agree on %s, whoever of two is the host', async (capture) => {
      const file = join(CAPTURES, capture);
      const readings = [
        await expectAgreement(framesOf(file, 'lower')),
        await expectAgreement(framesOf(file, 'higher')),
      ];
      expect(readings.every(({ window }) => (window.packets ?? 0) > 0)).toBe(true);
    });
  },
);

describe.skipIf(reason)(named('the kernel and the capture reader', reason), () => {
  let link: Link;
  beforeAll(() => {
    link = makeLink('a');
  });
  afterAll(() => link.remove());

  it.each(captures)('agree on %s', async (capture) => {
    const file = join(CAPTURES, capture);
    const reader = pcapSource({ file, period_ms: PERIOD_MS, host: 'h', group: 'g', local: ['none'] });
    const read = await windowsOf(reader);
    const { windows: counted, source } = await observe({ interface: link.near }, async () => {
      await finish('ip', ...link.inside, 'tcpreplay', '-q', '-K', '--pps=20000', '-i', link.far, file);
    });
    expect([read.length, counted.length]).toEqual([1, 1]);
    const [byReader, byKernel] = [read[0]!, counted[0]!];
    expect(pick(byKernel)).toEqual(pick(byReader));
    expect(source.losses().parse_error).toBe(reader.losses().parse_error);

    expectSameAddresses(byKernel, byReader);
  });
});
