/** The block list: what is dropped by the kernel, what never is, and what is there again after a restart. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AddressRange, addressRange, contains } from '../collector/block/address-range.ts';
import { BlockList, BlockRefusedError, type BlockRequest } from '../collector/block/block-list.ts';
import { Blocking, type BlockSettings } from '../collector/block/blocking.ts';
import { UsualTraffic } from '../collector/block/usual-traffic.ts';
import { BlockMaps } from '../collector/kernel/block-maps.ts';
import { kernel } from '../collector/kernel/libbpf.ts';
import { systemClock } from '../collector/sources/clock.ts';
import { ACK, Bench, ethernet, ipv4, ipv6, TCP, tcp } from './ebpf-frames.ts';
import { missing, named } from './ebpf-machine.ts';
import { made } from './made-windows.ts';

const folder = mkdtempSync(join(tmpdir(), 'vigia-block-'));
afterAll(() => rmSync(folder, { recursive: true }));

const reason = missing();
const HOUR_S = 3600;
const from = (address: string): Uint8Array =>
  address.includes(':')
    ? ethernet(0x86dd, ipv6(address, '2001:db8:ffff::1', TCP, tcp(1, 2, ACK)))
    : ethernet(0x0800, ipv4({ from: address, to: '198.51.100.2', protocol: TCP }, tcp(1, 2, ACK)));

describe.skipIf(reason)(named('the block list in the kernel', reason), () => {
  let bench: Bench;
  let list: BlockList;
  beforeEach(() => {
    bench = new Bench();
    list = new BlockList({ enforced: true, maxEntries: 100, maxTrafficShare: 0.2 }, new UsualTraffic(), systemClock);
    list.attach(new BlockMaps(bench.program));
  });
  afterEach(() => bench.close());
  const block = (text: string, fields: Partial<Parameters<BlockList['block']>[0]> = {}) =>
    list.block({
      ...{ range: addressRange(text), for_s: HOUR_S, reason: 'test' },
      ...{ origin: text.includes('/') ? 'hand' : 'verdict', ...fields },
    });
  const dropped = (address: string): boolean[] => [
    bench.drops('tcx', from(address)),
    bench.drops('xdp', from(address)),
  ];

  it('drops addresses and networks at both hooks, and nobody else', () => {
    expect(dropped('203.0.113.9')).toEqual([false, false]);
    block('203.0.113.9');
    block('198.51.100.0/24');
    block('2001:db8:1::/48');
    for (const address of ['203.0.113.9', '198.51.100.200', '2001:db8:1:2::3', '::ffff:203.0.113.9'])
      expect([address, ...dropped(address)]).toEqual([address, true, true]);
    for (const address of ['203.0.113.8', '198.51.101.1', '2001:db8:2::1', '::cb00:7109'])
      expect([address, ...dropped(address)]).toEqual([address, false, false]);
    list.unblock(addressRange('203.0.113.9'));
    expect(dropped('203.0.113.9')).toEqual([false, false]);
  });

  it('ends by the clock of the kernel, also where nobody looks', async () => {
    block('203.0.113.9', { for_s: 0.2 });
    expect(dropped('203.0.113.9')).toEqual([true, true]);
    await expect.poll(() => dropped('203.0.113.9'), { timeout: 3000 }).toEqual([false, false]);
    expect(list.entries).toHaveLength(1);
    list.expire();
    expect(list.entries).toHaveLength(0);
    expect(bench.program.blockCount[0]).toBe(0);
  });

  it('holds only while the collector says so, once a second', () => {
    const maps = new BlockMaps(bench.program);
    block('203.0.113.9');
    expect(dropped('203.0.113.9')).toEqual([true, true]);
    maps.hold(systemClock.monotonic_ns());
    expect(dropped('203.0.113.9')).toEqual([false, false]);
    list.expire();
    expect(dropped('203.0.113.9')).toEqual([true, true]);
  });

  it('counts for each entry, in the window, and what is over too; a dry run counts and drops nothing', async () => {
    list.limits = { ...list.limits, enforced: false };
    const dry = block('203.0.113.9');
    const hard = block('203.0.113.10', { origin: 'hand' });
    expect(dropped('203.0.113.9')).toEqual([false, false]);
    expect(dropped('203.0.113.10')).toEqual([true, true]);
    const { length } = from('203.0.113.9');
    // It passes both hooks and is counted at one; what is dropped is dropped at the first.
    expect(list.dropped(dry)).toEqual({ packets: 1, bytes: length });
    expect(list.dropped(hard)).toEqual({ packets: 2, bytes: 2 * length });
    expect(await bench.take()).toMatchObject({ packets_in: 2, packets_blocked: 3, bytes_blocked: 3 * length });
    list.unblock(hard.range);
    expect(list.totalDropped()).toEqual({ packets: 3, bytes: 3 * length });
    block('203.0.113.9', { for_s: 2 * HOUR_S });
    expect(list.dropped(dry).packets).toBe(1);
  });

  it('a network holds longer than an address within it', () => {
    block('203.0.113.0/24');
    list.limits = { ...list.limits, enforced: false };
    block('203.0.113.9', { for_s: 0.001 });
    expect(dropped('203.0.113.9')).toEqual([true, true]);
    list.unblock(addressRange('203.0.113.0/24'));
    list.expire();
    expect(dropped('203.0.113.9')).toEqual([false, false]);
  });

  it('an address within a network counts for itself, and stays blocked when the network is not', () => {
    const network = block('203.0.113.0/24');
    expect(dropped('203.0.113.9')).toEqual([true, true]);
    const within = block('203.0.113.9');
    expect(list.dropped(within).packets).toBe(0);
    expect(dropped('203.0.113.9')).toEqual([true, true]);
    expect([list.dropped(network).packets, list.dropped(within).packets]).toEqual([2, 2]);
    list.unblock(network.range);
    expect(bench.program.blockCount[0]).toBe(1);
    expect(dropped('203.0.113.9')).toEqual([true, true]);
    list.unblock(within.range);
    expect(bench.program.blockCount[0]).toBe(0);
  });

  it('what thousands of entries dropped on many interfaces is read in one call each, once a second', () => {
    const others = Array.from({ length: 2 }, () => new Bench());
    try {
      for (const { program } of others) list.attach(new BlockMaps(program));
      list.limits = { ...list.limits, maxEntries: 5000 };
      for (let i = 0; i < 4000; i++) block(`100.64.${i >> 8}.${i & 255}`);
      block('100.64.0.0/16', { for_s: 2 * HOUR_S });
      const all = [bench, ...others];
      for (const [i, one] of all.entries()) for (let n = 0; n <= i; n++) one.drops('tcx', from('100.64.3.7'));
      bench.drops('tcx', from('100.64.200.1'));
      const { length } = from('100.64.3.7');
      const reads = vi.spyOn(kernel(), 'lookupIfThere');
      const first = list.droppedByEach();
      expect(first.get('100.64.3.7')).toEqual({ packets: 6, bytes: 6 * length });
      expect(first.get('100.64.0.0/16')).toEqual({ packets: 1, bytes: length });
      expect(first.size).toBe(4001);
      expect(list.totalDropped()).toEqual({ packets: 7, bytes: 7 * length });
      expect(list.droppedByEach()).toBe(first);
      expect(reads).not.toHaveBeenCalled();
      // As before Linux 5.13.
      vi.spyOn(kernel(), 'readBatch').mockReturnValue(-524);
      list.unblock(addressRange('100.64.3.8'));
      expect([...list.droppedByEach()]).toEqual([...first].filter(([text]) => text !== '100.64.3.8'));
    } finally {
      vi.restoreAllMocks();
      for (const one of others) one.close();
    }
  });

  it('an interface that comes later has the whole list at once', () => {
    block('203.0.113.9');
    list.allow({ configured: [addressRange('203.0.113.9')] });
    block('203.0.113.10');
    const later = new Bench();
    try {
      list.attach(new BlockMaps(later.program));
      expect(['203.0.113.9', '203.0.113.10'].map((address) => later.drops('tcx', from(address)))).toEqual([
        false,
        true,
      ]);
    } finally {
      later.close();
    }
  });

  it('guards: the allowlist, the cap on entries, the share of usual traffic', () => {
    const usual = new UsualTraffic();
    for (let minute = 0; minute < 20; minute++)
      usual.saw({
        ...made(60 * minute),
        bytes: 1000,
        sources: [{ ip: '192.0.2.7', packets: 1, bytes: 300, syn_packets: 0, unique_ports: 0 }],
      });
    list = new BlockList({ enforced: true, maxEntries: 2, maxTrafficShare: 0.2 }, usual, systemClock);
    list.attach(new BlockMaps(bench.program));
    list.allow({ gateway: [addressRange('192.0.2.1')] });
    const refusal = (text: string, fields = {}): string => {
      try {
        block(text, fields);
        return '';
      } catch (error) {
        if (error instanceof BlockRefusedError) return error.refusal;
        throw error;
      }
    };
    expect(refusal('192.0.2.1', { origin: 'hand', force: true })).toBe('allowed');
    expect(refusal('192.0.2.7')).toBe('too_much_traffic');
    expect(refusal('192.0.2.7', { origin: 'hand', force: true })).toBe('');
    // What has no usual traffic is blocked, however much the others have.
    expect(refusal('203.0.113.9')).toBe('');
    expect(refusal('203.0.113.10')).toBe('full');
    expect(refusal('203.0.113.9')).toBe('');
    expect(list.refused).toEqual({ allowed: 1, full: 1, too_wide: 0, too_much_traffic: 1 });
  });

  it('guards against networks that are vast, and any network of a verdict while nothing is usual yet', () => {
    const refusal = (text: string, fields: Partial<BlockRequest> = {}): string => {
      try {
        block(text, fields);
        return '';
      } catch (error) {
        if (error instanceof BlockRefusedError) return `${error.refusal}: ${error.message}`;
        throw error;
      }
    };
    for (const vast of ['0.0.0.0/0', '128.0.0.0/7', '::/0', '2000::/3', '::/80']) {
      expect(refusal(vast)).toMatch(/^too_wide: .*--force/);
      expect(refusal(vast, { force: true })).toBe('');
      list.unblock(addressRange(vast));
    }
    for (const wide of ['10.0.0.0/8', '2001::/16', '192.0.2.0/24']) expect(refusal(wide)).toBe('');
    for (const origin of ['verdict', 'webhook'] as const) {
      expect(refusal('203.0.113.8/31', { origin })).toMatch(/^too_wide: 203\.0\.113\.8\/31 .*block it by hand/);
      expect(refusal('2001:db8::/64', { origin })).toMatch(/^too_wide/);
      expect(refusal('203.0.113.9', { origin })).toBe('');
      expect(refusal('2001:db8::1', { origin })).toBe('');
    }
    expect(list.refused.too_wide).toBe(9);
    const usual = new UsualTraffic();
    for (let minute = 0; minute < 20; minute++) usual.saw({ ...made(60 * minute), bytes: 1000, sources: [] });
    list = new BlockList({ enforced: true, maxEntries: 2, maxTrafficShare: 0.2 }, usual, systemClock);
    expect(refusal('203.0.113.8/31', { origin: 'verdict' })).toBe('');
    expect(refusal('0.0.0.0/1', { origin: 'webhook' })).toMatch(/^too_wide/);
  });

  it('no path bans an allowed address: any order of blocks, of allowing, of interfaces, of time', () => {
    const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.130', '2001:db8::1', '2001:db8::2'];
    const ranges = [
      ...addresses,
      '192.0.2.0/24',
      '192.0.2.128/25',
      '0.0.0.0/0',
      '::/0',
      '2001:db8::/64',
      '::ffff:0:0/96',
    ];
    const range = fc.constantFrom(...ranges).map(addressRange);
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('block' as const),
        range,
        origin: fc.constantFrom('verdict' as const, 'hand' as const, 'webhook' as const),
        force: fc.boolean(),
        for_s: fc.constantFrom(0.0001, HOUR_S),
      }),
      fc.record({ kind: fc.constant('unblock' as const), range }),
      fc.record({ kind: fc.constant('allow' as const), ranges: fc.array(range, { maxLength: 3 }) }),
      fc.record({ kind: fc.constantFrom('expire' as const, 'reattach' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const maps = new BlockMaps(bench.program);
        const own = new BlockList(
          { enforced: true, maxEntries: 10, maxTrafficShare: 1 },
          new UsualTraffic(),
          systemClock,
        );
        own.attach(maps);
        let allowed: AddressRange[] = [];
        try {
          for (const each of steps) {
            try {
              if (each.kind === 'block') own.block({ ...each, reason: 'any' });
              else if (each.kind === 'unblock') own.unblock(each.range);
              else if (each.kind === 'expire') own.expire();
              else if (each.kind === 'allow') {
                allowed = each.ranges;
                own.allow({ configured: allowed });
              } else {
                own.detach(maps);
                own.attach(maps);
              }
            } catch (error) {
              if (!(error instanceof BlockRefusedError)) throw error;
            }
            for (const address of addresses) {
              const isAllowed = allowed.some((outer) => contains(outer, addressRange(address)));
              if (isAllowed) expect([address, ...dropped(address)]).toEqual([address, false, false]);
            }
          }
        } finally {
          own.allow({});
          for (const { range: each } of own.entries) own.unblock(each);
        }
      }),
      { numRuns: 300 },
    );
  });
});

const SETTINGS: BlockSettings = { block: 'enforce', blockAt: 'tcx', blockFor: 600, allow: [], keepBlocks: false };

describe('a list that is kept', () => {
  const open = async (fields: Partial<BlockSettings> = {}): Promise<Blocking> => {
    const blocking = new Blocking({ ...SETTINGS, keepBlocks: true, ...fields }, [], folder, pino({ level: 'silent' }));
    await blocking.start();
    return blocking;
  };
  const ranges = (blocking: Blocking): string[] => blocking.listing().blocks.map(({ range }) => range);
  const command = { for_s: HOUR_S, reason: 'by hand', force: false };

  it('is there again after a restart, without what is allowed or over by then', async () => {
    const first = await open();
    for (const range of ['203.0.113.9', '203.0.113.10']) first.blockByHand({ ...command, range });
    first.blockByHand({ ...command, range: '203.0.113.11', for_s: 1 });
    first.stop();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = await open({ allow: [addressRange('203.0.113.10')] });
    expect(ranges(second)).toEqual(['203.0.113.9']);
    second.stop();
    const third = await open({ keepBlocks: false });
    expect(ranges(third)).toEqual([]);
    third.stop();
    expect(ranges(await open())).toEqual([]);
  });

  it('goes on blocking where the disk is full, says so once, and is saved once there is room', async () => {
    const full = mkdtempSync(join(folder, 'full-'));
    symlinkSync('/dev/full', join(full, 'blocks.json.new'));
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line) => void lines.push(line) });
    const said = (event: string) => lines.filter((line) => line.includes(`"event":"${event}"`));
    const blocking = new Blocking({ ...SETTINGS, keepBlocks: true }, [], full, log);
    await blocking.start();
    for (const range of ['203.0.113.9', '203.0.113.10']) blocking.blockByHand({ ...command, range });
    expect(ranges(blocking)).toEqual(['203.0.113.9', '203.0.113.10']);
    expect(said('blocks_not_saved')).toEqual([expect.stringMatching(/ENOSPC.*make room on that disk/)]);
    expect(blocking.notSaved).toBe(2);
    rmSync(join(full, 'blocks.json.new'));
    blocking.stop();
    expect(said('blocks_saved')).toHaveLength(1);
    expect(readFileSync(join(full, 'blocks.json'), 'utf8')).toContain('203.0.113.10');
  });

  it('that is damaged blocks nobody', async () => {
    writeFileSync(join(folder, 'blocks.json'), '[{"range":"0.0.0.0/0"');
    const blocking = await open();
    expect(ranges(blocking)).toEqual([]);
    blocking.stop();
  });
});
