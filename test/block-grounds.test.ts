/** What a block list is made from: ranges of addresses, whom verdicts accuse, and how much traffic is usual. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { AddressRangeError, addressRange, contains } from '../collector/block/address-range.ts';
import { accusedBy, Terms } from '../collector/block/policy.ts';
import { UsualTraffic } from '../collector/block/usual-traffic.ts';
import type { Verdict } from '../collector/delivery/poster.ts';
import { made } from './made-windows.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const v4 = fc.ipV4();
const v6 = fc.ipV6().filter((text) => ipaddr.IPv6.isValid(text));
const range4 = fc.tuple(v4, fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`);
const range6 = fc.tuple(v6, fc.integer({ min: 0, max: 128 })).map(([address, bits]) => `${address}/${bits}`);

describe('a range of addresses', () => {
  it('is written in one form, whatever form it is read in', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6, range4, range6), (text) => {
        const once = addressRange(text);
        const again = addressRange(once.text);
        expect(again).toEqual(once);
      }),
    );
    expect(addressRange('::ffff:192.0.2.7').text).toBe('192.0.2.7');
    expect(addressRange('::ffff:192.0.2.7/120').text).toBe('192.0.2.0/24');
    expect(addressRange('2001:DB8:0::9/32').text).toBe('2001:db8::/32');
    expect(addressRange('192.0.2.255/32').text).toBe('192.0.2.255');
  });

  it('contains what ipaddr.js says it does', () => {
    const near = fc.tuple(v4, fc.integer({ min: 0, max: 32 }), fc.nat(31)).map(([address, bits, flip]) => {
      const bytes = ipaddr.parse(address).toByteArray();
      bytes[flip >> 3]! ^= 1 << (7 - (flip & 7));
      return [`${address}/${bits}`, bytes.join('.')] as const;
    });
    fc.assert(
      fc.property(near, ([network, address]) => {
        const expected = ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(network));
        expect(contains(addressRange(network), addressRange(address))).toBe(expected);
      }),
    );
    fc.assert(
      fc.property(range6, v6, (network, address) => {
        const expected = ipaddr.IPv6.parse(address).match(ipaddr.IPv6.parseCIDR(network));
        expect(contains(addressRange(network), addressRange(address))).toBe(expected);
      }),
    );
  });

  it.each([
    '',
    'eth0',
    '10.1',
    '010.0.0.1',
    '192.0.2.7/33',
    '192.0.2.7/-1',
    '2001:db8::/129',
    '1.2.3.4/8/8',
    'example.com',
  ])('is refused: %j', (text) => expect(() => addressRange(text)).toThrow(AddressRangeError));
});

describe('whom a verdict accuses', () => {
  const now_ms = Date.parse('2026-01-01T00:01:00Z');
  const verdict: Verdict = {
    threat_detected: true,
    threat_types: ['port_scan'],
    attacking_ips: ['203.0.113.9'],
    level: 'high',
    confidence: 0.9,
    window: { id: 'w', host: 'h', group: 'g', start: '2026-01-01T00:00:59Z', duration_s: 1 },
  };
  const accused = (fields: Partial<Verdict>) =>
    accusedBy({ ...verdict, ...fields }, now_ms)?.ranges.map(({ text }) => text) ?? [];

  it('is the attacker of an attack from outside, of level high or above', () => {
    expect(accused({})).toEqual(['203.0.113.9']);
    expect(accused({ level: 'medium' })).toEqual([]);
    expect(accused({ threat_detected: false })).toEqual([]);
  });

  it.each([
    'data_exfiltration',
    'qos_degradation',
    'ml_critical_risk',
    'username_confusion',
  ] as const)('is nobody of %s', (threat) => expect(accused({ threat_types: [threat] })).toEqual([]));

  it('is nobody of an attack that is long over, and no name', () => {
    expect(accused({ window: { ...verdict.window!, start: '2025-12-31T23:00:00Z' } })).toEqual([]);
    expect(accused({ attacking_ips: ['mail.example.com'] })).toEqual([]);
  });

  it('is blocked twice as long each time anew, a day at most, and from the beginning after a day of peace', () => {
    const terms = new Terms(600);
    const range = addressRange('203.0.113.9');
    const minute = 60_000;
    expect(terms.next(range, 0)).toBe(600);
    expect(terms.next(range, 5 * minute)).toBe(600);
    expect(terms.next(range, 20 * minute)).toBe(1200);
    expect(terms.next(range, 60 * minute)).toBe(2400);
    expect(terms.next(range, 3 * 24 * 60 * minute)).toBe(600);
    let last = 0;
    for (let day_ms = 0, i = 0; i < 20; i++, day_ms += last * 1000 + minute)
      last = terms.next(addressRange('203.0.113.8'), day_ms);
    expect(last).toBe(24 * 3600);
  });
});

describe('usual traffic', () => {
  const window = (minute: number, shares: Record<string, number>) => ({
    ...made(60 * minute),
    bytes: 1000,
    sources: Object.entries(shares).map(([ip, bytes]) => ({ ip, packets: 1, bytes, syn_packets: 0, unique_ports: 0 })),
  });

  it('is what came before the last five minutes: an attack has none of it', () => {
    const usual = new UsualTraffic();
    for (let minute = 0; minute < 20; minute++) usual.saw(window(minute, { '192.0.2.7': 600, '192.0.2.8': 100 }));
    for (let minute = 20; minute < 24; minute++) usual.saw(window(minute, { '203.0.113.9': 1000 }));
    const share = (...ranges: string[]) => usual.shareOf(ranges.map(addressRange));
    expect(share('192.0.2.7')).toBeCloseTo(0.6);
    expect(share('192.0.2.0/24')).toBeCloseTo(0.7);
    expect(share('203.0.113.9')).toBe(0);
    expect(share()).toBe(0);
  });

  it('takes little memory while a flood brings ever new addresses, and still knows who is busy', () => {
    const usual = new UsualTraffic();
    const heap_MiB = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    const before_MiB = heap_MiB();
    let next = 0;
    const flooding = () => ({
      ip: `10.${next >> 16}.${(next >> 8) & 255}.${next++ & 255}`,
      packets: 1,
      bytes: 60,
      syn_packets: 1,
    });
    for (let second = 0; second < 300; second++)
      for (let networkInterface = 0; networkInterface < 64; networkInterface++) {
        const sources = [
          { ip: '192.0.2.7', packets: 1, bytes: 2000, syn_packets: 0 },
          ...Array.from({ length: 9 }, flooding),
        ];
        usual.saw({ start: new Date(1000 * second).toISOString(), bytes: 2540, sources });
      }
    expect(heap_MiB() - before_MiB).toBeLessThan(8);
    for (let minute = 6; minute < 13; minute++)
      usual.saw({ start: new Date(60_000 * minute).toISOString(), bytes: 0, sources: [] });
    expect(next).toBe(172_800);
    expect(usual.shareOf([addressRange('192.0.2.7')])).toBeCloseTo(2000 / 2540);
  });
});
