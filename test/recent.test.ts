/** The memory of the last half hour: what it shows of slow scans and of bytes going out, and that it is bounded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecentMemory } from '../collector/window/recent.ts';
import { RemoteAddresses } from '../collector/window/remote-addresses.ts';
import { recent as schema } from '../contract/network-window.ts';

const START_MS = Date.UTC(2026, 10, 20);
const address = (n: number): Uint8Array => {
  const bytes = new Uint8Array(16).fill(0xff, 10, 12);
  new DataView(bytes.buffer).setUint32(12, n);
  return bytes;
};
const SCANNER = address(0xc0000207);

describe('a slow scan', () => {
  it('of a port a second shows after five ports, and all of them are counted', () => {
    const memory = new RecentMemory();
    const seen: number[] = [];
    for (let second = 0; second < 60; second++) {
      memory.opened(SCANNER, [1000 + second], START_MS + 1000 * second);
      const { scanners } = memory.at(START_MS + 1000 * (second + 1), 1, null);
      seen.push(scanners[0]?.unique_ports ?? 0);
      if (scanners[0]) expect(scanners[0].ip).toBe('192.0.2.7');
    }
    expect(seen.slice(0, 6)).toEqual([0, 0, 0, 0, 5, 6]);
    expect(seen.at(-1)).toBe(60);
  });

  it('is not forgotten where half the horizon ends, and not told of a window without a new port', () => {
    const memory = new RecentMemory();
    for (let i = 0; i < 30; i++) memory.opened(SCANNER, [i], START_MS + 30_000 * (i + 20));
    const last_ms = START_MS + 30_000 * 49;
    expect(memory.at(last_ms, 1, null).scanners[0]?.unique_ports).toBe(30);
    memory.opened(SCANNER, [3], last_ms + 2000);
    expect(memory.at(last_ms + 2000, 1, null).scanners).toEqual([]);
  });

  it('shows among 20,000 clients that open one port each', () => {
    const memory = new RecentMemory();
    for (let i = 0; i < 20_000; i++) {
      memory.opened(address(i), [443], START_MS + i);
      if (i % 500 === 0) memory.opened(SCANNER, [i], START_MS + i);
    }
    expect(memory.at(START_MS + 22_000, 1, null).scanners).toEqual([]);
    memory.opened(SCANNER, [20_000], START_MS + 22_000);
    expect(memory.at(START_MS + 22_000, 1, null).scanners).toEqual([{ ip: '192.0.2.7', unique_ports: 41 }]);
    expect(memory.notRemembered).toBe(0);
  });
});

it('says how much goes in and out on average, over half an hour at most', () => {
  const memory = new RecentMemory();
  let view = memory.at(START_MS, 1, { in: 10, out: 100 });
  expect(view).toMatchObject({ over_s: 1, bytes_in_per_second: 10, bytes_out_per_second: 100 });
  for (let second = 1; second < 4000; second++)
    view = memory.at(START_MS + 1000 * second, 1, { in: 10, out: second < 2000 ? 100 : 300 });
  expect(view.over_s).toBeGreaterThan(1700);
  expect(view.over_s).toBeLessThanOrEqual(1800);
  expect(view.bytes_out_per_second).toBe(300);
  expect(memory.at(START_MS + 4_000_000, 1, null).bytes_out_per_second).toBeNull();
});

it('stays within its bounds and its schema, whatever comes, clocks that run backwards too', () => {
  const event = fc.tuple(
    fc.nat(20_000),
    fc.array(fc.nat(65_535), { maxLength: 200 }),
    fc.integer({ min: -1e7, max: 1e7 }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const memory = new RecentMemory();
      for (const [who, ports, at] of events) {
        memory.opened(address(who), ports, START_MS + at);
        const view = memory.at(START_MS + at, 1, { in: 1, out: 1 });
        expect(schema.safeParse(view).success).toBe(true);
        expect(view.scanners.every(({ unique_ports }) => unique_ports <= 256)).toBe(true);
      }
    }),
    { seed: 1 },
  );
  const flooded = new RecentMemory();
  for (let i = 0; i < 10_000; i++) flooded.opened(address(i), [1, 2], START_MS);
  expect(flooded.notRemembered).toBe(10_000 - 4096);
  expect(flooded.portsNotRemembered).toBe(0);
  const ports = Array.from({ length: 200 }, (_, port) => port);
  flooded.opened(address(0), ports, START_MS + 1000);
  expect(flooded.portsNotRemembered).toBe(200 - 128);
});

it('of a window tells a million pairs of address and port apart, and counts those beyond', () => {
  const remotes = new RemoteAddresses();
  for (let who = 0; who < 17; who++) {
    const entry = remotes.add(new Uint32Array([0, 0, 0xffff, who]), 0, 60);
    for (let port = 0; port < 65_536; port++) remotes.addPort(entry, port);
  }
  expect(remotes.portsNotCounted).toBe(65_536);
  expect(remotes.busiest().map(({ unique_ports }) => unique_ports)).toEqual([...Array(10).keys()].map(() => 65_536));
});
