/** Windows of captures: time, direction, conversations, bounds. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { pcapSource } from '../collector/sources/pcap.ts';
import type { WindowSource } from '../collector/sources/source.ts';
import { windowsSource } from '../collector/sources/windows.ts';
import { InvalidPrefixError } from '../collector/window/local-side.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { frameOf, type WrittenFrame, writePcap } from './capture-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-window-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'made.pcap');

const START_US = 1_700_000_000e6;
const SYN = 0x02;
const ACK = 0x10;
const RST = 0x04;

async function all(source: WindowSource): Promise<NetworkWindow[]> {
  const windows: NetworkWindow[] = [];
  for await (const window of source.windows(new AbortController().signal)) windows.push(window);
  return windows;
}

interface Made {
  windows: NetworkWindow[];
  losses: Record<string, number>;
  silences: number;
}

async function windowsOf(frames: readonly WrittenFrame[], local: string[] = ['auto'], linkType = 1): Promise<Made> {
  writeFileSync(file, writePcap(frames, { linkType }));
  let silences = 0;
  const source = pcapSource({ file, host: 'h', group: 'g', period_ms: 1000, local, onSilence: () => silences++ });
  const windows = await all(source);
  return { windows, losses: source.losses(), silences };
}

const at = (seconds: number, bytes: Uint8Array): WrittenFrame => ({ time_us: START_US + seconds * 1e6, bytes });
const one = async (frames: Uint8Array[], local: string[] = []): Promise<NetworkWindow> => {
  const { windows } = await windowsOf(
    frames.map((bytes, i) => at(i / 1000, bytes)),
    local,
  );
  expect(windows).toHaveLength(1);
  return windows[0]!;
};

const CLIENT = '192.0.2.10';
const SERVER = '198.51.100.20';

describe('time', () => {
  it('puts a frame into the window of its time, and begins windows at multiples of the period', async () => {
    const { windows } = await windowsOf([
      at(0.9, frameOf(CLIENT, SERVER)),
      at(1.1, frameOf(CLIENT, SERVER)),
      at(3, frameOf(CLIENT, SERVER)),
    ]);
    expect(
      windows.map(({ start, packets, duration_s }) => [Date.parse(start) * 1000 - START_US, packets, duration_s]),
    ).toEqual([
      [0, 1, 1],
      [1e6, 1, 1],
      [2e6, 0, 1],
      [3e6, 1, 1],
    ]);
  });

  it('fills a silence of a minute with empty windows, and a gap of years with none', async () => {
    const bytes = frameOf(CLIENT, SERVER);
    const minute = await windowsOf([at(0, bytes), at(60, bytes)]);
    expect([minute.windows.length, minute.silences]).toEqual([61, 0]);
    expect(minute.windows[30]).toMatchObject({
      packets: 0,
      unique_ips: 0,
      unique_ports: 0,
      tcp_ratio: 0.5,
      sources: [],
    });
    const years = await windowsOf([at(0, bytes), at(3e8, bytes), at(6e8, bytes)]);
    expect([years.windows.length, years.silences]).toEqual([3, 2]);
  });

  it('counts a frame of an earlier time in the current window, once as time_reversed', async () => {
    const bytes = frameOf(CLIENT, SERVER);
    const { windows, losses } = await windowsOf([at(100, bytes), at(2, bytes), at(0, bytes), at(101, bytes)]);
    expect(windows.map(({ packets }) => packets)).toEqual([3, 1]);
    expect(losses.time_reversed).toBe(2);
  });

  it('never loses or doubles a frame, floods, or gives two windows one identity, whatever the times', async () => {
    const frame = fc.tuple(fc.oneof(fc.nat(5000), fc.nat(4e9)), fc.nat(60)).map(([seconds, payload]) => ({
      time_us: seconds * 1e6,
      bytes: frameOf(CLIENT, SERVER, { payload }),
    }));
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 60 }), async (frames) => {
        const { windows } = await windowsOf(frames);
        const total = (field: 'packets' | 'bytes' | 'tcp_packets') =>
          windows.reduce((sum, window) => sum + window[field]!, 0);
        expect(total('packets')).toBe(frames.length);
        expect(total('tcp_packets')).toBe(frames.length);
        expect(total('bytes')).toBe(frames.reduce((sum, { bytes }) => sum + bytes.length, 0));
        expect(windows.length).toBeLessThanOrEqual(frames.length * 61);
        expect(new Set(windows.map(({ id }) => id)).size).toBe(windows.length);
        for (const window of windows) {
          expect(window.tcp_packets! + window.udp_packets! + window.icmp_packets!).toBeLessThanOrEqual(window.packets!);
          expect(window.syn_packets).toBeLessThanOrEqual(window.tcp_packets!);
          expect(window.unique_ips).toBeLessThanOrEqual(window.packets!);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('unique_ports', () => {
  const from = (port: number, flags: number, payload = 0): Buffer =>
    frameOf(CLIENT, SERVER, { sourcePort: 50_000, destinationPort: port, flags, payload });
  const reply = (port: number, flags: number): Buffer =>
    frameOf(SERVER, CLIENT, { sourcePort: port, destinationPort: 50_000, flags });
  const udp = (a: string, b: string, sourcePort: number, destinationPort: number): Buffer =>
    frameOf(a, b, { protocol: 17, sourcePort, destinationPort });

  it.each<[string, Buffer[], number]>([
    ['a SYN opens, its answer does not', [from(80, SYN), reply(80, SYN | ACK), from(80, ACK)], 1],
    ['a closed port opens too, its RST does not', [from(81, SYN), reply(81, RST | ACK)], 1],
    ['FIN, NULL and Xmas probes open', [from(1, 0x01), from(2, 0), from(3, 0x29)], 3],
    ['an ACK probe opens', [from(443, ACK)], 1],
    ['a connection from before the capture does not', [from(443, ACK, 10), reply(443, ACK)], 0],
    [
      'the first datagram opens, its answer and the next do not',
      [udp(CLIENT, SERVER, 5353, 53), udp(SERVER, CLIENT, 53, 5353), udp(CLIENT, SERVER, 5353, 53)],
      1,
    ],
    [
      "replies to a busy client's many ports do not",
      Array.from({ length: 50 }, (_, i) => [
        udp(CLIENT, SERVER, 30_000 + i, 53),
        udp(SERVER, CLIENT, 53, 30_000 + i),
      ]).flat(),
      1,
    ],
  ])('%s', async (_name, frames, ports) => {
    expect((await one(frames)).unique_ports).toBe(ports);
  });

  it('forgets a UDP conversation after two minutes of silence', async () => {
    const bytes = udp(CLIENT, SERVER, 5353, 53);
    const ports = async (seconds: number) =>
      (await windowsOf([at(0, bytes), at(seconds, bytes)])).windows.at(-1)?.unique_ports;
    expect([await ports(119), await ports(121)]).toEqual([0, 1]);
  });
});

describe('direction', () => {
  const out = frameOf(CLIENT, SERVER, { payload: 100 });
  const back = frameOf(SERVER, CLIENT, { payload: 900 });

  it('is what a named side makes it: the other one is remote', async () => {
    const window = await one([out, back, back], ['192.0.2.0/24']);
    expect(window).toMatchObject({
      bytes_in_per_second: 2 * back.length,
      bytes_out_per_second: out.length,
      unique_ips: 1,
    });
    expect(window.sources).toMatchObject([{ ip: SERVER, packets: 3 }]);
  });

  it('is null where nobody is named: every frame comes in', async () => {
    const window = await one([out, back], ['none']);
    expect(window).toMatchObject({ bytes_in_per_second: null, bytes_out_per_second: null, unique_ips: 2 });
  });

  it('is learned from the address that takes part in everything', async () => {
    const frames = Array.from({ length: 20 }, (_, i) => [
      frameOf(CLIENT, `203.0.113.${i}`),
      frameOf(`203.0.113.${i}`, CLIENT),
    ]).flat();
    expect(await one(frames, ['auto'])).toMatchObject({ unique_ips: 20, bytes_out_per_second: 20 * 54 });
  });

  it('is learned between two hosts: the private one, else the one that is asked', async () => {
    expect((await one([frameOf('10.0.0.1', SERVER), frameOf(SERVER, '10.0.0.1')], ['auto'])).sources).toMatchObject([
      { ip: SERVER },
    ]);
    expect((await one([out, frameOf(SERVER, CLIENT, { flags: SYN | ACK })], ['auto'])).sources).toMatchObject([
      { ip: CLIENT },
    ]);
  });

  it('is learned at the border of a site: private addresses are local', async () => {
    const frames = Array.from({ length: 20 }, (_, i) => frameOf(`10.0.0.${i}`, `203.0.113.${i}`));
    expect(await one(frames, ['auto'])).toMatchObject({ bytes_in_per_second: 0, bytes_out_per_second: 20 * 54 });
  });

  it('is what a Linux cooked capture says', async () => {
    const cooked = (type: number, ip: Uint8Array) =>
      Buffer.concat([Buffer.from([0, type, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]), ip.subarray(14)]);
    const { windows } = await windowsOf([at(0, cooked(4, out)), at(0.1, cooked(0, back))], ['none'], 113);
    expect(windows[0]).toMatchObject({
      bytes_out_per_second: out.length + 2,
      bytes_in_per_second: back.length + 2,
      unique_ips: 1,
    });
  });

  it('refuses a side that is no network, by name', () => {
    const wrong = () => pcapSource({ file, host: 'h', group: 'g', period_ms: 1000, local: ['10.0.0.0/99'] });
    expect(wrong).toThrow(InvalidPrefixError);
    expect(wrong).toThrow(/--local "10\.0\.0\.0\/99"/);
  });
});

describe('bounds', () => {
  it('tells 16,384 addresses apart in a window, estimates beyond, and counts each frame that found no room', async () => {
    const addresses = 30_000;
    const frames = Array.from({ length: addresses }, (_, i) => ({
      time_us: START_US + i,
      bytes: frameOf(`20.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, SERVER),
    }));
    const { windows, losses } = await windowsOf(frames, []);
    expect(losses.source_not_tracked).toBe(addresses - 16_384);
    expect(Math.abs(windows[0]!.unique_ips! / addresses - 1)).toBeLessThan(0.06);
    expect(windows[0]).toMatchObject({ packets: addresses, syn_packets: addresses, unique_ports: 1 });
    expect(windows[0]!.sources).toHaveLength(10);
  });

  it('names the ten busiest sources: most packets, then most bytes, then the lower address', async () => {
    const frames = Array.from({ length: 12 }, (_, i) => [
      ...new Array<Buffer>(i < 2 ? 3 : 1).fill(frameOf(`10.0.0.${20 - i}`, SERVER, { payload: i === 5 ? 1 : 0 })),
    ]).flat();
    const { sources } = await one(frames);
    expect(sources?.map(({ ip }) => Number(ip.split('.')[3]))).toEqual([19, 20, 15, 9, 10, 11, 12, 13, 14, 16]);
  });
});

describe('the source windows:FILE', () => {
  const windowsFile = join(folder, 'made.ndjson');
  const line = async (): Promise<string> => JSON.stringify(await one([frameOf(CLIENT, SERVER)]));

  it('reads back what vigia windows prints', async () => {
    const { windows } = await windowsOf([at(0, frameOf(CLIENT, SERVER)), at(2, frameOf(CLIENT, SERVER))]);
    writeFileSync(windowsFile, windows.map((window) => `${JSON.stringify(window)}\n`).join('\n'));
    const read: unknown[] = [];
    for await (const window of windowsSource(windowsFile).windows(new AbortController().signal)) read.push(window);
    expect(read).toEqual(windows);
  });

  it.each([
    [(text: string) => text.replace('"packets":1', '"packets":-1'), /line 2, packets: /],
    [
      (text: string) => text.replace('"sources":[{"ip":"192', '"sources":[{"ip":7,"x":"192'),
      /line 2, sources\[0\]\.ip: /,
    ],
    [() => '{"id":', /line 2 is no JSON/],
    [() => 'x'.repeat(70_000), /line 2 is longer than/],
  ])('names line and field of a bad window, after the windows before it (%#)', async (spoil, message) => {
    const good = await line();
    writeFileSync(windowsFile, `${good}\n${spoil(good)}\n${good}\n`);
    const read: unknown[] = [];
    const reading = async () => {
      for await (const window of windowsSource(windowsFile).windows(new AbortController().signal)) read.push(window);
    };
    await expect(reading()).rejects.toThrow(message);
    expect(read).toHaveLength(1);
  });
});
