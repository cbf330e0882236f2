/** Storage is kept in order: hours are merged without a window lost or read twice, and what has had its time is deleted, cheaply. */
import { describe, expect, it } from 'vitest';
import { windowsFolder } from '../contract/stored-window.ts';
import { movePointer, seenPointer } from '../functions/storage/current-pointer.ts';
import { modelKey } from '../functions/storage/model-keys.ts';
import { listAll } from '../functions/storage/object-store.ts';
import { writeShadow } from '../functions/storage/shadow-pointer.ts';
import { gzipLines, readWindows, writeWindows } from '../functions/storage/window-objects.ts';
import { recentWindows } from '../functions/train/recent-windows.ts';
import { compactGroup } from '../functions/train/upkeep/compact-windows.ts';
import { expireVersions } from '../functions/train/upkeep/expire-versions.ts';
import { expireWindows } from '../functions/train/upkeep/expire-windows.ts';
import { keepStorage } from '../functions/train/upkeep/keep-storage.ts';
import { quietWindow } from './edge-fixture.ts';
import { MemoryStore } from './memory-store.ts';
import { version } from './model-fixture.ts';

const HOUR_MS = 3_600_000;
const NOW = new Date('2026-11-20T12:10:00Z');
const ago = (hours: number): Date => new Date(NOW.getTime() - hours * HOUR_MS);
const later = (hours: number): Date => ago(-hours);
const line = (window: object): string => `${JSON.stringify(window)}\n`;
const plenty = () => ({ parts: Number.POSITIVE_INFINITY });

/** An object of `count` windows of an hour ago, and their ids. */
async function put(store: MemoryStore, hours: number, name: string, count = 3, host = 'web-1'): Promise<string[]> {
  const start = (second: number): string => new Date(ago(hours).getTime() + 1000 * second).toISOString();
  const windows = Array.from({ length: count }, (_, second) => quietWindow({ host, start: start(second) }));
  await writeWindows(store, 'web', name, ago(hours), [gzipLines(windows.map(line).join(''))]);
  return windows.map(({ id }) => id);
}

async function keysBelow(store: MemoryStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of listAll(store, prefix)) keys.push(key);
  return keys;
}

const noLosses = () => ({ unreadableObjects: 0, invalidLines: 0, duplicates: 0 });

async function readAll(store: MemoryStore, losses = noLosses()): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of readWindows(store, listAll(store, 'windows/web/'), losses)) ids.push(id);
  return ids.sort();
}

/** Compacts to the end: merges, and removes the parts once no training reads them any more. */
async function compacted(store: MemoryStore): Promise<void> {
  await compactGroup(store, 'web', NOW, plenty());
  await compactGroup(store, 'web', later(0.6), plenty());
}

describe('the objects of an hour that is over', () => {
  it('become one object that holds every window once, and an hour that is not over stays as it is', async () => {
    const store = new MemoryStore();
    const ids: string[] = [];
    for (const hours of [2, 3, 26]) for (const name of ['a', 'b', 'c']) ids.push(...(await put(store, hours, name)));
    const fresh = [...(await put(store, 1, 'a')), ...(await put(store, 0, 'b')), ...(await put(store, 0, 'a'))];
    await compacted(store);
    const losses = noLosses();
    expect(await readAll(store, losses)).toEqual([...ids, ...fresh].sort());
    expect(losses).toEqual(noLosses());
    for (const hours of [2, 3, 26]) expect(await keysBelow(store, windowsFolder('web', ago(hours)))).toHaveLength(1);
    expect(await keysBelow(store, windowsFolder('web', ago(0)))).toHaveLength(2);
  });

  it('stay readable while a training that had listed them reads', async () => {
    const store = new MemoryStore();
    const ids = [...(await put(store, 2, 'a')), ...(await put(store, 2, 'b'))];
    const listed = await keysBelow(store, 'windows/web/');
    expect(await compactGroup(store, 'web', NOW, plenty())).toMatchObject({ merged: 1, parts: 2, removed: 0 });
    await compactGroup(store, 'web', later(0.4), plenty());
    const read: string[] = [];
    for await (const { id } of readWindows(store, listed, noLosses())) read.push(id);
    expect(read.sort()).toEqual(ids.sort());
    expect(await compactGroup(store, 'web', later(0.6), plenty())).toMatchObject({ merged: 0, removed: 2 });
    expect(await readAll(store)).toEqual(ids.sort());
  });

  it('are read once each wherever a run is ended, and the next run brings it to the end', async () => {
    const whole = new MemoryStore();
    const ids: string[] = [];
    for (const hours of [2, 3]) for (const name of ['a', 'b']) ids.push(...(await put(whole, hours, name)));
    let ended = 0;
    for (let calls = 1; ; calls++) {
      const store = new FailingStore(whole, calls);
      const broke = await compacted(store).then(
        () => false,
        () => true,
      );
      store.mend();
      const seen = await readAll(store);
      expect(seen).toEqual(ids.sort());
      await compactGroup(store, 'web', later(0.7), plenty());
      await compactGroup(store, 'web', later(1.4), plenty());
      expect(await readAll(store)).toEqual(ids);
      expect(await keysBelow(store, 'windows/web/')).toHaveLength(2);
      if (!broke) break;
      ended++;
    }
    expect(ended).toBeGreaterThan(8);
  });

  it('two runs at once lose nothing and read nothing twice', async () => {
    const store = new MemoryStore();
    const ids = [...(await put(store, 2, 'a')), ...(await put(store, 2, 'b')), ...(await put(store, 2, 'c'))];
    await Promise.all([compacted(store), compacted(store)]);
    expect(await readAll(store)).toEqual(ids.sort());
  });

  it('a broken one is left out, counted, and spoils no other', async () => {
    const store = new MemoryStore();
    const ids = [...(await put(store, 2, 'a')), ...(await put(store, 2, 'c'))];
    await store.put(`${windowsFolder('web', ago(2))}b.ndjson.gz`, new Uint8Array([1, 2, 3]).buffer);
    expect(await compactGroup(store, 'web', NOW, plenty())).toMatchObject({ merged: 1, parts: 2, unreadable: 1 });
    await compacted(store);
    const losses = noLosses();
    expect(await readAll(store, losses)).toEqual(ids.sort());
    expect(losses.unreadableObjects).toBe(1);
  });

  it('a run reads no more than its budget, and the next goes on from there', async () => {
    const store = new MemoryStore();
    for (let name = 10; name < 50; name++) await put(store, 2, String(name), 1);
    const before = await readAll(store);
    const budget = { parts: 15 };
    expect(await compactGroup(store, 'web', NOW, budget)).toMatchObject({ merged: 1, parts: 15 });
    expect(budget.parts).toBe(0);
    for (const hours of [0.6, 1.2, 1.8, 2.4]) await compactGroup(store, 'web', later(hours), { parts: 15 });
    expect(await keysBelow(store, 'windows/web/')).toHaveLength(3);
    expect(await readAll(store)).toEqual(before);
  });

  it('are no longer merged where a reader could not hold them', async () => {
    const store = new MemoryStore();
    const text = `${'x'.repeat(1023)}\n`.repeat(2.2 * 1024);
    for (const name of ['a', 'b', 'c']) await writeWindows(store, 'web', name, ago(2), [gzipLines(text)]);
    expect(await compactGroup(store, 'web', NOW, plenty())).toMatchObject({ merged: 1, parts: 2 });
    expect(await compactGroup(store, 'web', later(0.6), plenty())).toMatchObject({ merged: 0, removed: 2 });
    expect(await keysBelow(store, 'windows/web/')).toHaveLength(2);
  });

  it('of 100,000 objects a run that has nothing to do asks for little', async () => {
    const store = new MemoryStore();
    const empty = new Uint8Array(gzipLines('')).buffer;
    for (let hour = 4_000; hour > 0; hour--)
      for (let name = 0; name < 25; name++)
        await store.put(`${windowsFolder('web', ago(hour))}${name}.ndjson.gz`, empty);
    const zero = (): void => void Object.assign(store.calls, { get: 0, put: 0, list: 0, delete: 0 });
    zero();
    await compactGroup(store, 'web', NOW, plenty());
    expect(store.calls.list).toBe(100);
    expect(store.calls.put).toBeLessThan(4_010);
    await compactGroup(store, 'web', later(0.6), plenty());
    expect((await keysBelow(store, 'windows/web/')).length).toBeLessThan(4_050);
    zero();
    await compactGroup(store, 'web', later(0.7), plenty());
    expect(store.calls).toEqual({ get: 1, put: 0, list: 1, delete: 0 });
    expect(await expireWindows(store, 'web', ago(24 * 365))).toBe(0);
    expect(store.calls.list).toBe(2);
  });
});

/** Breaks at a call of its choice, and all after it, as where a Worker is ended. */
class FailingStore extends MemoryStore {
  #left: number;

  constructor(from: MemoryStore, calls: number) {
    super();
    for (const [key, object] of from.objects) this.objects.set(key, object);
    this.#left = calls;
  }

  mend(): void {
    this.#left = Number.POSITIVE_INFINITY;
  }

  #count(): void {
    if (--this.#left < 0) throw new Error('ended');
  }

  override get(...given: Parameters<MemoryStore['get']>): ReturnType<MemoryStore['get']> {
    this.#count();
    return super.get(...given);
  }

  override put(...given: Parameters<MemoryStore['put']>): ReturnType<MemoryStore['put']> {
    this.#count();
    return super.put(...given);
  }

  override list(...given: Parameters<MemoryStore['list']>): ReturnType<MemoryStore['list']> {
    this.#count();
    return super.list(...given);
  }

  /** Half of the keys, where it breaks. */
  override async delete(keys: readonly string[]): Promise<void> {
    if (this.#left === 0) await super.delete(keys.slice(0, keys.length >> 1));
    this.#count();
    await super.delete(keys);
  }
}

describe('what a training reads', () => {
  it('is the same of merged hours as of their parts, where there is room for all', async () => {
    const store = new MemoryStore();
    for (const hours of [2, 3, 30]) for (const name of ['a', 'b']) await put(store, hours, name, 40);
    await put(store, 0, 'fresh', 40);
    const ids = async (): Promise<string[]> =>
      (await recentWindows(store, 'web', NOW, new Set())).windows.map(({ id }) => id).sort();
    const before = await ids();
    expect(before).toHaveLength(280);
    await compactGroup(store, 'web', NOW, plenty());
    expect(await ids()).toEqual(before);
    await compacted(store);
    expect(await ids()).toEqual(before);
  });

  it('is of every hour, in rows of a host, where there is more than it takes', async () => {
    const store = new MemoryStore();
    for (let hours = 2; hours < 102; hours++)
      for (const host of ['web-1', 'web-2']) await put(store, hours, host, 300, host);
    await compacted(store);
    const { windows } = await recentWindows(store, 'web', NOW, new Set());
    expect(windows.length).toBe(20_000);
    expect(Map.groupBy(windows, ({ start }) => start.slice(0, 13)).size).toBe(100);
    const inARow = windows.filter((window, i) => {
      const before = windows[i - 1];
      return before?.host === window.host && Date.parse(window.start) - Date.parse(before.start) === 1000;
    });
    expect(inARow.length).toBeGreaterThan(19_000);
    expect((await recentWindows(store, 'web', NOW, new Set())).windows).toEqual(windows);
  });
});

describe('what has had its time', () => {
  it('windows go by the hour, and those of a day that is kept stay', async () => {
    const store = new MemoryStore();
    await put(store, 24 * 31, 'old');
    await put(store, 24 * 30 + 1, 'just');
    const kept = [...(await put(store, 24 * 30, 'edge')), ...(await put(store, 2, 'new'))];
    await writeWindows(store, 'other', 'old', ago(24 * 31), [gzipLines('')]);
    expect(await expireWindows(store, 'web', ago(24 * 30))).toBe(2);
    expect(await readAll(store)).toEqual(kept.sort());
    expect(await keysBelow(store, 'windows/other/')).toHaveLength(1);
  });

  async function withVersions(count: number): Promise<MemoryStore> {
    const store = new MemoryStore();
    for (let n = 0; n < count; n++)
      for (const file of ['zmad.onnx', 'manifest.json'])
        await store.put(modelKey('web', version(n), file), new ArrayBuffer(1));
    return store;
  }

  it('versions of models go, but neither the newest nor those that a pointer names', async () => {
    const store = await withVersions(12);
    await movePointer(store, 'web', version(1), null, NOW);
    await movePointer(store, 'web', version(2), await seenPointer(store, 'web'), NOW);
    await writeShadow(store, 'web', { version: version(3), reason: 'held', since: NOW.toISOString() });
    expect((await expireVersions(store, 'web', 5, NOW)).versions).toEqual([0, 4, 5, 6].map(version));
    const left = [1, 2, 3, 7, 8, 9, 10, 11].flatMap((n) =>
      ['manifest.json', 'zmad.onnx'].map((file) => modelKey('web', version(n), file)),
    );
    expect(await keysBelow(store, 'models/web/2')).toEqual(left);
    expect(await expireVersions(store, 'web', 5, NOW)).toEqual({ versions: [], unfinished: [] });
  });

  it('what a training left that was ended goes an hour later, whatever the pointer is, and what is being written stays', async () => {
    const store = await withVersions(2);
    for (const n of [3, 4]) await store.put(modelKey('web', version(n), 'zmad.onnx'), new ArrayBuffer(1));
    expect(await expireVersions(store, 'web', 5, NOW)).toEqual({ versions: [], unfinished: [] });
    const hour = new Date('2026-11-20T13:00:04Z');
    expect(await expireVersions(store, 'web', 5, hour)).toEqual({ versions: [], unfinished: [version(3)] });
    expect(await keysBelow(store, modelKey('web', version(3), ''))).toEqual([]);
    expect(await keysBelow(store, modelKey('web', version(4), ''))).toHaveLength(1);
    expect(await keysBelow(store, modelKey('web', version(1), ''))).toHaveLength(2);
  });

  it.each(['no pointer', 'a broken pointer'])('with %s no version goes', async (pointer) => {
    const store = await withVersions(12);
    if (pointer !== 'no pointer') await store.put('models/web/current.json', new ArrayBuffer(3));
    expect((await expireVersions(store, 'web', 5, NOW)).versions).toEqual([]);
    expect(await keysBelow(store, 'models/web/2')).toHaveLength(24);
  });

  it('all of it is one scheduled run, which says what it did, and a group that fails keeps no other from it', async () => {
    const store = await withVersions(12);
    await movePointer(store, 'web', version(11), null, NOW);
    for (const name of ['a', 'b']) await put(store, 2, name);
    await put(store, 24 * 40, 'old');
    await store.put('windows/bad/2026/01/01/00/x.ndjson.gz', new ArrayBuffer(1));
    const remove = store.delete.bind(store);
    store.delete = (keys) =>
      keys.some((key) => key.includes('/bad/')) ? Promise.reject(new Error('denied')) : remove(keys);
    const said: string[] = [];
    const log = console.log;
    console.log = (text: string) => said.push(text);
    try {
      expect(await keepStorage({ store, windowRetentionDays: 30, modelVersionsKept: 5 }, NOW)).toBe(1);
    } finally {
      console.log = log;
    }
    const events = said.map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'windows_kept', group: 'web', expired: 1, merged: 1, parts: 2 }),
    );
    expect(events).toContainEqual(expect.objectContaining({ event: 'models_kept', group: 'web', expired: 7 }));
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'storage_not_kept', group: 'bad', message: expect.stringContaining('denied') }),
    );
  });

  it('what cannot even be listed is counted as failed', async () => {
    const store = new MemoryStore();
    store.list = () => Promise.reject(new Error('away'));
    expect(await keepStorage({ store, windowRetentionDays: 30, modelVersionsKept: 5 }, NOW)).toBe(2);
  });
});
