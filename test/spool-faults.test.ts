/** The spool where things break for real: kill -9 at random moments, a disk that is full, damage. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { Spool } from '../collector/delivery/spool.ts';
import { EdgeStandIn, resets } from './edge-stand-in.ts';
import { made } from './made-windows.ts';
import { drain, ids, lostOf, newFolder } from './spool-fixture.ts';

/** A collector that makes a window every millisecond and tells its number once the spool has it; then it is killed. */
const WRITER = `
  import { writeSync } from 'node:fs';
  import { pino } from 'pino';
  import { Courier } from './collector/delivery/courier.ts';
  import { EdgeConnection } from './collector/delivery/edge-connection.ts';
  import { Spool } from './collector/delivery/spool.ts';
  import { made } from './test/made-windows.ts';
  const [folder, to, first] = process.argv.slice(1);
  const spool = new Spool(folder, { maxBytes: 1e8, segmentBytes: 20_000, maxInMemory: 10 });
  const edge = new EdgeConnection({ to, caFile: null, proxies: {} });
  const courier = new Courier(
    { spool, edge, log: pino({ level: 'silent' }), random: () => 0 },
    { postEvery_ms: 5, tokenFile: null, timeout_ms: 1000 },
  );
  void courier.run();
  let number = Number(first);
  setInterval(() => {
    courier.add(made(number));
    writeSync(1, number++ + '\\n');
  }, 1);
`;

const children: ChildProcess[] = [];
const edges: EdgeStandIn[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const edge of edges.splice(0)) await edge.stop();
});

/** @returns the number after the last window that the writer told */
async function writeUntilKilled(folder: string, to: string, first: number, after_ms: number): Promise<number> {
  const args = ['--input-type=module', '-e', WRITER, folder, to, String(first)];
  const child = spawn(process.execPath, args, {
    cwd: join(import.meta.dirname, '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let end = first;
  createInterface({ input: child.stdout! }).on('line', (line) => (end = Number(line) + 1));
  await once(child.stdout!, 'data');
  await new Promise((resolve) => setTimeout(resolve, after_ms));
  child.kill('SIGKILL');
  await once(child, 'close');
  return end;
}

const logsOf = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(folder, name));

describe('kill -9', () => {
  it('at random moments loses no window that the spool had, and posts none under two keys', async () => {
    const folder = newFolder();
    const edge = await EdgeStandIn.start();
    edges.push(edge);
    let answers = 0;
    edge.usual = (response, post) => {
      if (answers++ % 5 === 0) resets(response, post);
      else edge.store(response, post);
    };
    let told = 0;
    for (let round = 0; round < 15; round++) {
      const end = await writeUntilKilled(folder, edge.url, told, Math.random() * 150);
      // A window may be in the spool though the writer did not come to tell it.
      told = end + 1;
      const [tail] = logsOf(folder).slice(-1);
      if (tail && round % 3 === 1) appendFileSync(tail, Buffer.from([0x90, 0, 0, 0, 1, 2, 3, 4, 5])); // a torn write
    }
    const spool = new Spool(folder);
    const waiting = drain(spool);
    const found = new Set([...edge.storedIds, ...waiting]);
    // One number a round is in doubt: it was being written when the process was killed.
    const missing = ids(0, told).filter((id) => !found.has(id));
    expect(missing.length).toBeLessThanOrEqual(15);
    for (const id of missing)
      expect(found.has(made(Number(id.split(':')[2]) + 1).id) || id === made(told - 1).id).toBe(true);
    expect(told).toBeGreaterThan(200);
    expect(spool.lost.dropped_corrupt).toBe(0);
    spool.close();

    const keys = new Map<string, Set<string>>();
    for (const { windows, headers } of edge.posts)
      for (const { id } of windows) keys.set(id, (keys.get(id) ?? new Set()).add(String(headers['idempotency-key'])));
    for (const [id, used] of keys) expect([id, used.size]).toEqual([id, 1]);
  }, 60_000);

  it('while the spool is thinned leaves the segment as it was', () => {
    const folder = newFolder();
    const before = new Spool(folder);
    for (let i = 0; i < 10; i++) before.add(made(i));
    before.close();
    writeFileSync(`${logsOf(folder)[0]}.part`, 'half of what should have become');
    const after = new Spool(folder);
    expect(drain(after)).toEqual(ids(0, 10));
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    after.close();
  });
});

describe('damage', () => {
  it('within a file loses the damaged windows alone, counted', () => {
    for (const [from, to] of [
      [0.3, 0.3],
      [0.3, 0.6],
    ] as const) {
      const folder = newFolder();
      const before = new Spool(folder);
      for (let i = 0; i < 100; i++) before.add(made(i));
      before.close();
      const [file] = logsOf(folder);
      const bytes = readFileSync(file!);
      bytes.fill(0xff, Math.floor(from * bytes.length), Math.floor(to * bytes.length) + 1);
      writeFileSync(file!, bytes);
      const after = new Spool(folder);
      const found = drain(after);
      expect(found.slice(0, 29)).toEqual(ids(0, 29));
      expect(found.slice(-39)).toEqual(ids(61, 100));
      expect(found.length).toBeGreaterThanOrEqual(from === to ? 98 : 67);
      expect(after.lost.dropped_corrupt).toBe(100 - found.length);
      after.close();
    }
  });

  it('while the collector runs is found when the windows are read', () => {
    const folder = newFolder();
    const spool = new Spool(folder);
    for (let i = 0; i < 10; i++) spool.add(made(i));
    const [file] = logsOf(folder);
    const bytes = readFileSync(file!);
    writeFileSync(file!, bytes.fill(0xff, 0, bytes.length / 2));
    expect(drain(spool)).toEqual(ids(5, 10));
    expect(lostOf(spool)).toBe(5);
    spool.close();
  });

  it('to every window of a batch does not keep those after it', () => {
    const folder = newFolder();
    const bounds = { maxBytes: 1e8, segmentBytes: 20_000, maxInMemory: 10 };
    const before = new Spool(folder, bounds);
    before.add(made(0));
    before.live.next();
    before.add(made(1));
    before.close();
    const [file] = logsOf(folder);
    const size = statSync(file!).size;
    writeFileSync(file!, readFileSync(file!).fill(0xff, 0, size / 2));
    const after = new Spool(folder, bounds);
    expect(drain(after)).toEqual([made(1).id]);
    after.close();
    truncateSync(file!);
    const last = new Spool(folder, bounds);
    last.add(made(2));
    expect(drain(last)).toEqual([made(2).id]);
    last.close();
  });
});

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

describe(`a full disk${canMount ? '' : ' [skipped: needs root, to mount one]'}`, () => {
  /** A disk of one MiB; gone after the test. */
  function smallDisk(): string {
    const folder = newFolder();
    const { stderr, status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    mounted.push(folder);
    return folder;
  }
  const mounted: string[] = [];
  afterEach(() => {
    for (const folder of mounted.splice(0)) spawnSync('umount', ['--lazy', folder]);
  });
  const BOUNDS = { maxBytes: 1e9, segmentBytes: 50_000, maxInMemory: 500 };

  it.runIf(canMount)('costs the oldest windows, counted, and never the newest; once there is room, all goes on', () => {
    const folder = smallDisk();
    const filler = join(folder, 'of another program');
    writeFileSync(filler, Buffer.alloc(600_000));
    const spool = new Spool(join(folder, 'spool'), BOUNDS);
    for (let i = 0; i < 8000; i++) spool.add(made(i));
    spool.sync();
    expect(spool.writeError).toMatch(/ENOSPC/);
    expect(spool.lost.dropped_disk_full).toBeGreaterThan(0);
    expect(spool.lost.dropped_memory_full).toBe(0);
    expect(spool.waiting + lostOf(spool)).toBe(8000);

    const formed = spool.live.next();
    expect(formed).not.toBeNull();
    spool.stored(spool.live);
    rmSync(filler);
    spool.sync();
    expect(spool.writeError).toBeNull();
    spool.close();
    const after = new Spool(join(folder, 'spool'), BOUNDS);
    const found = drain(after);
    expect(found.at(-1)).toBe(made(7999).id);
    expect(found).toEqual(ids(8000 - found.length, 8000));
    expect(found.length + formed!.windows + lostOf(spool)).toBe(8000);
    after.close();
  });

  it.runIf(canMount)('that takes nothing at all keeps the newest in memory, and they are posted', () => {
    const folder = smallDisk();
    const spool = new Spool(join(folder, 'spool'), BOUNDS);
    writeFileSync(join(folder, 'x'), '');
    try {
      appendFileSync(join(folder, 'x'), Buffer.alloc(2_000_000));
    } catch {}
    for (let i = 0; i < 700; i++) spool.add(made(i));
    expect(spool.writeError).toMatch(/ENOSPC/);
    expect(spool.lost.dropped_memory_full).toBe(200);
    expect(drain(spool)).toEqual(ids(200, 700));
    spool.close();
  });
});
