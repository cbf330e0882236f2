/** Captures: every format and link type that the reader takes, and every way in which one can be broken. */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CaptureParser } from '../collector/capture/capture-parser.ts';
import { CaptureError } from '../collector/capture/frame.ts';
import { pcapSource } from '../collector/sources/pcap.ts';
import { SourceError } from '../collector/sources/source.ts';
import { Packet } from '../collector/window/packet.ts';
import { type NetworkWindow, networkWindow } from '../contract/network-window.ts';
import { frameOf, type NgFrame, writePcap, writePcapng } from './capture-writer.ts';

const CAPTURES = fileURLToPath(new URL('../../shared/data/pcap', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vigia-pcap-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface ReadFrame {
  time_us: number;
  bytes: number[];
  originalBytes: number;
  linkType: number;
  direction: number;
}

/** Reads a capture in chunks of the given size. */
function read(capture: Uint8Array, chunkBytes = capture.length): ReadFrame[] {
  const frames: ReadFrame[] = [];
  const parser = new CaptureParser(({ data, start, end, time_us, originalBytes, linkType, direction }) =>
    frames.push({ time_us, bytes: [...data.subarray(start, end)], originalBytes, linkType, direction }),
  );
  for (let at = 0; at < capture.length; at += chunkBytes) parser.push(capture.subarray(at, at + chunkBytes));
  parser.end();
  return frames;
}

async function run(file: string, local: string[] = []): Promise<{ windows: NetworkWindow[]; error: unknown }> {
  const windows: NetworkWindow[] = [];
  try {
    const source = pcapSource({ file, host: 'h', group: 'g', period_ms: 1000, local });
    for await (const window of source.windows(new AbortController().signal)) windows.push(window);
    return { windows, error: null };
  } catch (error) {
    return { windows, error };
  }
}

const sum = (windows: NetworkWindow[], field: 'packets' | 'bytes'): number =>
  windows.reduce((total, window) => total + (window[field] ?? 0), 0);

const START_US = 1_700_000_000e6;
const writtenFrame = fc.record({
  time_us: fc.nat(1e9).map((after) => START_US + after),
  bytes: fc.uint8Array({ maxLength: 80 }),
});

describe('the capture reader', () => {
  it('reads back every pcap, in either byte order, with micro- or nanoseconds, in chunks of any size', () => {
    const options = fc.record({ little: fc.boolean(), nanoseconds: fc.boolean() });
    fc.assert(
      fc.property(fc.array(writtenFrame), options, fc.integer({ min: 1, max: 200 }), (frames, flavour, chunkBytes) => {
        const found = read(writePcap(frames, flavour), chunkBytes);
        expect(found.map(({ time_us, bytes }) => [time_us, bytes])).toEqual(
          frames.map(({ time_us, bytes }) => [time_us, [...bytes]]),
        );
      }),
    );
  });

  it('reads back every pcapng: several interfaces with their own clocks and link types, three kinds of packet block, several sections', () => {
    const interfaces = [
      { linkType: 1 },
      { linkType: 101, resolution: 9 },
      { linkType: 113, resolution: 12, offset_s: 1_699_999_000 },
      { linkType: 276, resolution: 3 },
    ];
    const ngFrame = fc
      .tuple(
        writtenFrame,
        fc.nat(3),
        fc.constantFrom('enhanced' as const, 'obsolete' as const, 'simple' as const),
        fc.nat(2),
      )
      .map(
        ([frame, number, block, flags]): NgFrame => ({
          ...frame,
          time_us: Math.floor(frame.time_us / 1000) * 1000,
          interface: block === 'simple' ? 0 : number,
          block,
          flags,
        }),
      );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(ngFrame), fc.boolean()), { minLength: 1 }),
        fc.integer({ min: 1, max: 300 }),
        (sections, chunkBytes) => {
          const capture = Buffer.concat(sections.map(([frames, little]) => writePcapng(interfaces, frames, little)));
          const frames = sections.flatMap(([list]) => list);
          expect(read(capture, chunkBytes)).toEqual(
            frames.map(({ block, time_us, bytes, interface: number, flags = 0 }) => ({
              time_us: block === 'simple' ? Number.NaN : time_us,
              bytes: [...bytes],
              originalBytes: bytes.length,
              linkType: interfaces[number]!.linkType,
              direction: block === 'simple' ? 0 : flags,
            })),
          );
        },
      ),
    );
  });

  it('never fails on any bytes but with a CaptureError that names a byte of the input', () => {
    const magic = fc.constantFrom([0xa1, 0xb2, 0xc3, 0xd4], [0x4d, 0x3c, 0xb2, 0xa1], [0x0a, 0x0d, 0x0d, 0x0a], []);
    fc.assert(
      fc.property(
        magic,
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 1, max: 99 }),
        (first, rest, chunkBytes) => {
          const capture = Uint8Array.from([...first, ...rest]);
          try {
            read(capture, chunkBytes);
          } catch (error) {
            if (!(error instanceof CaptureError)) throw error;
            expect(error.offset).toBeLessThanOrEqual(capture.length);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never fails on a damaged capture but with a CaptureError', () => {
    const frames = Array.from({ length: 5 }, (_, i) => ({
      time_us: START_US + i,
      bytes: frameOf('10.0.0.1', '10.0.0.2'),
    }));
    const captures = [
      writePcap(frames),
      writePcapng(
        [{ linkType: 1 }],
        frames.map((frame) => ({ ...frame, interface: 0, block: 'enhanced' as const, flags: 1 })),
      ),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...captures), fc.nat(), fc.nat(255), (capture, at, value) => {
        const damaged = Uint8Array.from(capture);
        damaged[at % damaged.length] = value;
        try {
          read(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(CaptureError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [
      'a frame longer than any',
      writePcap([{ time_us: START_US, bytes: new Uint8Array(4), originalBytes: 4e9 }]),
      /byte 24: .*longer than any frame/,
    ],
    ['an unknown link type', writePcap([], { linkType: 189 }), /byte 20: link type 189/],
    ['an empty file', Buffer.alloc(0), /is empty/],
    ['a text', Buffer.from('not a capture at all'), /is no capture/],
    [
      'a block that claims 4 GB',
      Buffer.concat([writePcapng([], []), Buffer.from([6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0])]),
      /block of 4294967292 bytes/,
    ],
  ])('refuses %s, naming the byte', async (_name, capture, message) => {
    const file = join(folder, 'refused.pcap');
    writeFileSync(file, capture);
    const { error } = await run(file);
    expect(error).toBeInstanceOf(SourceError);
    expect(String(error)).toMatch(message);
  });
});

describe('packet headers', () => {
  it('are read from any bytes of any link type without an error', () => {
    const packet = new Packet();
    const linkType = fc.constantFrom(0, 1, 12, 14, 101, 108, 113, 228, 229, 276);
    const start = fc.constantFrom(
      [],
      [0x45],
      [0x60],
      [0, 0, 0, 2, 0x45],
      [...new Array(12).fill(0), 8, 0, 0x45],
      [...new Array(12).fill(0), 0x86, 0xdd, 0x60],
    );
    fc.assert(
      fc.property(linkType, start, fc.uint8Array({ maxLength: 200 }), (type, first, rest) => {
        const data = Uint8Array.from([...first, ...rest, 0xff, 0xff]);
        const end = data.length - 2;
        packet.read({ data, start: 0, end, originalBytes: end, time_us: 0, linkType: type, direction: 0 });
        expect(packet.ended).toBeLessThanOrEqual(3);
        if (packet.hasPorts) expect(packet.addressed).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  const ip = frameOf('192.0.2.1', '192.0.2.2').subarray(14);
  const cooked = (type: number): number[] => [0, type, 0, 1, 0, 6, ...new Array(8).fill(0), 8, 0];
  const cooked2 = (type: number): number[] => [8, 0, 0, 0, 0, 0, 0, 1, 0, 1, type, 6, ...new Array(8).fill(0)];
  it.each([
    ['Ethernet with two VLAN tags', 1, [...new Array(12).fill(0), 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0], 0],
    ['Linux cooked, received', 113, cooked(0), 1],
    ['Linux cooked, sent', 113, cooked(4), 2],
    ['Linux cooked v2, received', 276, cooked2(0), 1],
    ['Linux cooked v2, sent', 276, cooked2(4), 2],
    ['raw IP', 101, [], 0],
    ['raw IP of BSD', 12, [], 0],
    ['raw IP of OpenBSD', 14, [], 0],
    ['raw IPv4', 228, [], 0],
    ['BSD loopback of a little-endian machine', 0, [2, 0, 0, 0], 0],
    ['BSD loopback of a big-endian machine', 0, [0, 0, 0, 2], 0],
    ['OpenBSD loopback', 108, [0, 0, 0, 2], 0],
  ])('are found behind %s', (_name, linkType, link, direction) => {
    const packet = new Packet();
    const data = Uint8Array.from([...link, ...ip]);
    packet.read({ data, start: 0, end: data.length, originalBytes: data.length, time_us: 0, linkType, direction: 0 });
    expect(packet).toMatchObject({ ended: 1, version: 4, hasPorts: true, destinationPort: 80, direction });
  });
});

const reason = existsSync(CAPTURES) ? '' : 'needs the shared captures';
const captures = reason ? [] : globSync('*/*.pcap*', { cwd: CAPTURES }).sort();

describe.skipIf(reason)(`captures of the field${reason && ` (${reason})`}`, () => {
  it('are all there', () => expect(captures).toHaveLength(25));

  it.each(
    captures,
  )('%s: the windows add up to what capinfos counts, and each is one of the contract', async (capture) => {
    const file = join(CAPTURES, capture);
    const [, packets, bytes] = execFileSync('capinfos', ['-TrcdM', file], { encoding: 'utf8' }).trim().split('\t');
    for (const local of [['auto'], []]) {
      const { windows, error } = await run(file, local);
      expect(error).toBeNull();
      expect([sum(windows, 'packets'), sum(windows, 'bytes')]).toEqual([Number(packets), Number(bytes)]);
      expect(windows.length).toBeLessThan(1500);
      for (const window of windows) networkWindow.parse(window);
      expect(new Set(windows.map(({ id }) => id)).size).toBe(windows.length);
    }
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('read through %s as they are', async (_, compress) => {
    const file = join(CAPTURES, 'scan/ndpi__synscan.pcap');
    const zipped = join(folder, 'ndpi__synscan.pcap');
    writeFileSync(zipped, compress(readFileSync(file)));
    expect((await run(zipped)).windows).toEqual((await run(file)).windows);
  });

  it('cut anywhere, give the windows before the cut and then an error that names the byte', async () => {
    const whole = readFileSync(join(CAPTURES, 'benign/packets__tcp_ports.pcapng'));
    const cut = join(folder, 'cut.pcapng');
    const { windows: expected } = await run(join(CAPTURES, 'benign/packets__tcp_ports.pcapng'));
    for (let at = 100; at < whole.length; at += 7919) {
      for (const content of [whole.subarray(0, at), gzipSync(whole.subarray(0, at))]) {
        writeFileSync(cut, content);
        const { windows, error } = await run(cut);
        expect(windows.slice(0, -1).map(({ start, bytes }) => [start, bytes])).toEqual(
          expected.slice(0, Math.max(0, windows.length - 1)).map(({ start, bytes }) => [start, bytes]),
        );
        if (error !== null) expect(String(error)).toContain(`at byte ${at}: `);
      }
    }
    const zipped = gzipSync(whole);
    writeFileSync(cut, zipped.subarray(0, zipped.length - 5000));
    const { windows, error } = await run(cut);
    expect(windows.length).toBeGreaterThan(1);
    expect(String(error)).toMatch(/gzip is cut/);
  });
});
