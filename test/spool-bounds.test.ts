/** The bounds of the spool: what they cost is the oldest, thinned before it is gone, counted, and never the newest. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Spool } from '../collector/delivery/spool.ts';
import { made } from './made-windows.ts';
import { drain, ids, idsOf, lostOf, newFolder } from './spool-fixture.ts';

const BOUNDS = { maxBytes: 64_000, segmentBytes: 2000, maxInMemory: 10 };
/** Windows of a full spool if none were thinned: each takes about 170 bytes. */
const CAPACITY = 370;

describe('the bound of the disk', () => {
  it('thins the oldest windows and keeps the newest whole', () => {
    const spool = new Spool(newFolder(), BOUNDS);
    for (let i = 0; i < 2000; i++) spool.add(made(i));
    expect(spool.bytes).toBeLessThanOrEqual(BOUNDS.maxBytes);
    const found = drain(spool).map((id) => Number(id.split(':')[2]));
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    const whole = Math.floor(CAPACITY / 3);
    expect(found.slice(-whole)).toEqual(Array.from({ length: whole }, (_, i) => 2000 - whole + i));
    expect(found[0]).toBeLessThan(2000 - 2 * CAPACITY);
    const gaps = found.slice(1).map((number, i) => number - found[i]!);
    expect(Math.max(...gaps.slice(0, 10))).toBeGreaterThanOrEqual(8);
    for (let i = 2; i < gaps.length; i++) expect(gaps[i]).toBeLessThanOrEqual(Math.max(...gaps.slice(i - 2, i)));
    expect(spool.lost.thinned_spool_full).toBeGreaterThan(0);
    expect(lostOf(spool)).toBe(2000 - found.length);
    spool.close();
  });

  it('thins each series by itself: a quiet interface and a rare user name are not silenced by a busy one', () => {
    const spool = new Spool(newFolder(), BOUNDS);
    const busy = 600;
    for (let i = 0; i < busy; i++) {
      spool.add(made(i));
      if (i % 4 === 1) spool.add(made(i, { interface: 'eth1' }));
      const auth = { id: `auth:${i}`, host: 'h', group: 'g', start: made(i).start, duration_s: 1, total_attempts: 1 };
      if (i % 100 === 50) spool.add({ ...auth, username: `user-${i}` });
    }
    const found = drain(spool);
    const eth0 = found.filter((id) => id.startsWith('h:eth0')).length;
    const eth1 = found.filter((id) => id.startsWith('h:eth1')).length;
    expect(eth1 / eth0).toBeGreaterThan(0.2);
    expect(found.filter((id) => id.startsWith('auth'))).toHaveLength(busy / 100);
    expect(spool.lost.dropped_spool_full).toBe(0);
    spool.close();
  });

  it('leaves the batch that is on its way as it is, also after a restart', () => {
    const folder = newFolder();
    const before = new Spool(folder, BOUNDS);
    for (let i = 0; i < 20; i++) before.add(made(i));
    const formed = before.live.next();
    for (let i = 20; i < 2000; i++) before.add(made(i));
    expect(before.live.next()).toBe(formed);
    before.close();
    const after = new Spool(folder, BOUNDS);
    expect(after.live.next()).toEqual(formed);
    expect(drain(after).slice(0, 20)).toEqual(ids(0, 20));
    after.close();
  });

  it('whatever comes, is posted and goes wrong: every window is stored, waits, or is counted as lost; the newest is there', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 150 }), interface: fc.nat(2) }) },
      { weight: 3, arbitrary: fc.constant('post the newest') },
      { weight: 2, arbitrary: fc.constant('post the backlog') },
      { weight: 1, arbitrary: fc.constant('form') },
      { weight: 1, arbitrary: fc.constant('refuse') },
      { weight: 1, arbitrary: fc.constant('set aside') },
      { weight: 1, arbitrary: fc.constant('restart') },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const folder = newFolder();
        let spool = new Spool(folder, BOUNDS);
        const stored: string[] = [];
        let [added, rejected, lostBefore] = [0, 0, 0];
        const take = (lane = spool.live): void => {
          const batch = lane.next();
          if (batch) stored.push(...idsOf(batch));
          spool.stored(lane);
        };
        for (const step of steps) {
          if (typeof step === 'object')
            for (let i = 0; i < step.add; i++) spool.add(made(added++, { interface: `eth${step.interface}` }));
          else if (step === 'post the newest') take();
          else if (step === 'post the backlog') take(spool.backlog ?? spool.live);
          else if (step === 'form') spool.live.next();
          else if (step === 'refuse') rejected += spool.rejected(spool.live, 'no');
          else if (step === 'set aside') spool.setBacklogAside();
          else {
            lostBefore += lostOf(spool);
            spool.close();
            spool = new Spool(folder, BOUNDS);
          }
          expect(stored.length + rejected + spool.waiting + lostBefore + lostOf(spool)).toBe(added);
        }
        spool.add(made(added++));
        const rest = drain(spool);
        expect(rest.at(-1)).toBe(made(added - 1).id);
        const all = [...stored, ...rest];
        expect(new Set(all).size).toBe(all.length);
        expect(all.length + rejected + lostBefore + lostOf(spool)).toBe(added);
        spool.close();
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});

it('the bound of the memory counts what it drops while the disk refuses, and all is written once it takes windows again', () => {
  const folder = newFolder();
  const spool = new Spool(folder, { maxBytes: 1e9, segmentBytes: 1, maxInMemory: 10 });
  spool.add(made(0));
  const blocked = join(folder, '000000000000001.log');
  mkdirSync(blocked); // a folder where the next file should be: the disk refuses, also for root
  for (let i = 1; i < 31; i++) spool.add(made(i));
  expect(spool.writeError).toMatch(/EISDIR/);
  expect(spool.lost.dropped_memory_full).toBe(20);
  rmSync(blocked, { recursive: true });
  spool.sync();
  expect(spool.writeError).toBeNull();
  spool.add(made(31));
  spool.close();
  const after = new Spool(folder);
  expect(drain(after)).toEqual([made(0).id, ...ids(21, 32)]);
  after.close();
});

it('each reason of a loss is told in docs/delivery.md', () => {
  const spool = new Spool(newFolder());
  const text = readFileSync(join(import.meta.dirname, '../docs/delivery.md'), 'utf8');
  for (const reason of Object.keys(spool.lost)) expect(text).toContain(`\`${reason}\``);
  spool.close();
});

describe('the bound of the windows set aside', () => {
  const reject = (spool: Spool, i: number, fields = {}): void => {
    spool.add(made(i, fields));
    spool.live.next();
    spool.rejected(spool.live, 'the edge answered 400: no');
  };

  it('drops the oldest, counted', () => {
    const folder = newFolder();
    const spool = new Spool(folder);
    for (let i = 0; i < 103; i++) reject(spool, i);
    expect(readdirSync(join(folder, 'rejected'))).toHaveLength(100);
    expect(spool.lost.dropped_rejected).toBe(3);
    spool.close();
  });

  it('is one of bytes too, and a file that a crash cut short does not stand in the way', () => {
    const folder = newFolder();
    const spool = new Spool(folder);
    mkdirSync(join(folder, 'rejected'));
    writeFileSync(join(folder, 'rejected', '000000001-cut.json'), '{"id":"x"');
    const long = { id: 'x'.repeat(240_000) };
    for (let i = 0; i < 75; i++) reject(spool, i, long);
    const kept = readdirSync(join(folder, 'rejected')).map((name) => statSync(join(folder, 'rejected', name)).size);
    expect(kept.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(16 * 1024 * 1024);
    expect(kept.length + spool.lost.dropped_rejected).toBe(76);
    spool.close();
  });
});
