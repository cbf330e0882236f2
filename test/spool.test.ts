/** The spool: what is in it survives a crash at any byte, and every bound that drops windows counts them. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FolderInUseError } from '../collector/delivery/folder-lock.ts';
import { Spool } from '../collector/delivery/spool.ts';
import { MAX_BODY_BYTES } from '../contract/detect-request.ts';
import { made } from './made-windows.ts';
import { contents, drain, ids, idsOf, newFolder } from './spool-fixture.ts';

/** The file that holds the newest windows. */
const tailOf = (folder: string): string =>
  join(
    folder,
    readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1)!,
  );

describe('a batch', () => {
  it('is formed once: the same until it is stored, whatever comes meanwhile', () => {
    const spool = new Spool(newFolder());
    for (let i = 0; i < 3; i++) spool.add(made(i));
    const first = spool.live.next();
    spool.add(made(3));
    expect(spool.live.next()).toBe(first);
    spool.stored(spool.live);
    expect(idsOf(spool.live.next())).toEqual(ids(3, 4));
    spool.close();
  });

  it('has the same id and bytes after a restart, also where more windows came', () => {
    const folder = newFolder();
    const before = new Spool(folder);
    for (let i = 0; i < 30; i++) before.add(made(i));
    before.live.next();
    before.stored(before.live);
    for (let i = 30; i < 35; i++) before.add(made(i));
    const formed = before.live.next();
    before.add(made(35));
    before.close();
    const after = new Spool(folder);
    expect(after.live.next()).toEqual(formed);
    expect(contents(after.live.next()).context.map(({ id }) => id)).toEqual(ids(21, 30));
    after.close();
  });

  it('counts the earlier windows that it has no room for, and the interfaces whose were forgotten', () => {
    const spool = new Spool(newFolder());
    const post = (from: number, second: number): number => {
      for (let i = from; i < 300; i++) spool.add(made(second, { interface: `veth${i}` }));
      const { length } = contents(spool.live.next()).context;
      spool.stored(spool.live);
      return length;
    };
    post(0, 0);
    expect(spool.contextCut).toEqual({ no_room: 0, series_forgotten: 300 - 256 });
    let no_room = 0;
    for (let second = 1; second < 6; second++) no_room += 256 * second - post(300 - 256, second);
    expect(no_room).toBeGreaterThan(280);
    expect(spool.contextCut).toEqual({ no_room, series_forgotten: 300 - 256 });
    spool.close();
  });

  it('carries the nine windows before of each host and interface, and no others', () => {
    const spool = new Spool(newFolder());
    for (let i = 0; i < 12; i++) for (const name of ['eth0', 'eth1']) spool.add(made(i, { interface: name }));
    spool.live.next();
    spool.stored(spool.live);
    spool.add(made(12, { interface: 'eth1' }));
    expect(contents(spool.live.next()).context.map(({ id }) => id)).toEqual(
      Array.from({ length: 9 }, (_, i) => made(3 + i, { interface: 'eth1' }).id),
    );
    spool.close();
  });

  it('is as large as the edge takes, and no larger', () => {
    const spool = new Spool(newFolder());
    const sources = Array.from({ length: 10 }, () => ({
      ip: '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff',
      packets: 1e9,
      bytes: 1e12,
      syn_packets: 1e9,
      unique_ports: 65_535,
    }));
    for (let i = 0; i < 3000; i++) spool.add(made(i, { interface: `eth${i % 300}`, sources }));
    let windows = 0;
    for (let batch = spool.live.next(); batch; batch = spool.live.next()) {
      expect(gunzipSync(batch.body).length).toBeLessThan(MAX_BODY_BYTES);
      expect(batch.windows).toBeLessThanOrEqual(1000);
      windows += contents(batch).windows.length;
      spool.stored(spool.live);
    }
    expect(windows).toBe(3000);
    spool.close();
  });
});

describe('a crash', () => {
  it('at any byte of the last write loses that window alone, counted', () => {
    const folder = newFolder();
    const first = new Spool(folder);
    first.add(made(0));
    first.add(made(1));
    first.close();
    const whole = readFileSync(tailOf(folder));
    const end = whole.length;
    const secondStart = 16 + whole.readUInt32LE(0);
    for (let at = secondStart; at <= end; at++) {
      const crashed = newFolder();
      writeFileSync(join(crashed, '000000000000000.log'), whole.subarray(0, at));
      const spool = new Spool(crashed);
      expect(spool.lost.dropped_torn).toBe(at === secondStart || at === end ? 0 : 1);
      spool.add(made(2));
      expect(drain(spool)).toEqual(at === end ? ids(0, 3) : [made(0).id, made(2).id]);
      spool.close();
    }
  });

  it('that left damage anywhere loses what is damaged, and never the windows after it in other files', () => {
    const bounds = { maxBytes: 1e9, segmentBytes: 1, maxInMemory: 10 };
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, bit) => {
        const folder = newFolder();
        const before = new Spool(folder, bounds);
        for (let i = 0; i < 3; i++) before.add(made(i));
        before.close();
        const middle = join(folder, '000000000000001.log');
        const bytes = readFileSync(middle);
        bytes[at % bytes.length]! ^= bit;
        writeFileSync(middle, bytes);
        const after = new Spool(folder, bounds);
        expect(drain(after)).toEqual([made(0).id, made(2).id]);
        expect(after.lost.dropped_corrupt).toBe(1);
        after.close();
      }),
      { numRuns: 100 },
    );
  });

  it("between the edge's answer and its note posts the same batch again under the same id", () => {
    const folder = newFolder();
    const before = new Spool(folder);
    for (let i = 0; i < 5; i++) before.add(made(i));
    const formed = before.live.next();
    const noted = readFileSync(join(folder, 'cursor.json'));
    before.stored(before.live);
    before.close();
    writeFileSync(join(folder, 'cursor.json'), noted);
    const after = new Spool(folder);
    expect(after.live.next()).toEqual(formed);
    after.close();
  });

  it('that took the cursor or the log starts again without losing what comes', () => {
    for (const taken of ['cursor.json', '.log']) {
      const folder = newFolder();
      const before = new Spool(folder);
      for (let i = 0; i < 5; i++) before.add(made(i));
      drain(before);
      before.close();
      for (const name of readdirSync(folder)) if (name.endsWith(taken)) truncateSync(join(folder, name));
      const after = new Spool(folder);
      after.add(made(5));
      expect(drain(after).at(-1)).toBe(made(5).id);
      after.close();
    }
  });
});

it('two collectors do not share a folder, and one that is gone does not keep it', () => {
  const folder = newFolder();
  const first = new Spool(folder);
  expect(() => new Spool(folder)).toThrow(FolderInUseError);
  first.close();
  writeFileSync(join(folder, 'lock'), `${process.pid} 1`); // this process id, but started at another time
  new Spool(folder).close();
});
