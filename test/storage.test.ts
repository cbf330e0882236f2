/** Accepted windows are stored, once, by either way of delivery; object storage keeps its promises. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedWindows } from '../cli/edge/stored-windows.ts';
import { workerdChildren } from '../cli/edge/watchdog.ts';
import { GroupCommit } from '../functions/detect/windows/group-commit.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';

const ids = (windows: readonly { id: string }[]): string[] => windows.map(({ id }) => id).sort();

describe.each(['direct', 'queue'])('delivery by %s', (delivery) => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge({ WINDOW_DELIVERY: delivery });
  });
  afterAll(() => edge.remove());

  /** The stored ids of a group, once there are `count`. */
  async function stored(group: string, count: number): Promise<string[]> {
    await expect
      .poll(async () => (await storedWindows(edge.runtime, group)).length, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(count);
    return ids(await storedWindows(edge.runtime, group));
  }

  it('stores every window of many posts at once', async () => {
    const windows = Array.from({ length: 100 }, () => quietWindow({ group: 'many' }));
    await Promise.all(windows.map((window) => edge.detect([window])));
    expect(await stored('many', 100)).toEqual(ids(windows));
  });

  it('stores a post of 1,000 windows whole', async () => {
    const windows = Array.from({ length: 1000 }, () => quietWindow({ group: 'large' }));
    await edge.detect(windows);
    expect(await stored('large', 1000)).toEqual(ids(windows));
  });

  it('stores each group in its own folder', async () => {
    const a = quietWindow({ group: 'split-a' });
    const b = quietWindow({ group: 'split-b' });
    await edge.detect([a, b]);
    expect(await stored('split-a', 1)).toEqual([a.id]);
    expect(await stored('split-b', 1)).toEqual([b.id]);
  });

  it('marks the windows that raised an alert, which training leaves out', async () => {
    const group = 'marked';
    const scan = scanWindow('192.0.2.3', { group });
    await edge.detect([quietWindow({ group }), scan]);
    await stored(group, 2);
    const alerted = (await storedWindows(edge.runtime, group)).filter((window) => window.alerted);
    expect(ids(alerted)).toEqual([scan.id]);
    expect(alerted[0]?.threat_types).toContain('port_scan');
  });
});

describe('delivery by direct', () => {
  it('a repeated post is stored once, also after a restart', async () => {
    let edge = await testEdge();
    const windows = [quietWindow(), quietWindow()];
    const headers = { 'idempotency-key': 'post-1' };
    await edge.detect(windows, headers);
    await edge.detect(windows, headers);
    await edge.stop();
    edge = await testEdge({}, edge.stateDir);
    await edge.detect(windows, headers);
    expect(ids(await storedWindows(edge.runtime))).toEqual(ids(windows));
    await edge.detect(windows, headers);
    expect(ids(await storedWindows(edge.runtime))).toEqual(ids(windows));
    await edge.remove();
  });

  it('a key used again for other windows does not make those disappear', async () => {
    const edge = await testEdge();
    const [first, second] = [quietWindow(), quietWindow()];
    await edge.detect([first], { 'idempotency-key': 'same' });
    await edge.detect([second], { 'idempotency-key': 'same' });
    expect(ids(await storedWindows(edge.runtime))).toEqual(ids([first, second]));
    await edge.remove();
  });

  it('what was answered outlives kill -9 of workerd under load', async () => {
    const before = new Set(workerdChildren());
    let edge = await testEdge();
    const workerd = workerdChildren().filter((pid) => !before.has(pid));
    const answered: { id: string }[] = [];
    let killed = false;
    const client = async (): Promise<void> => {
      while (!killed) {
        const window = quietWindow();
        const results = await edge.detect([window]).catch(() => null);
        if (results !== null) answered.push(window);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    execFileSync('kill', ['-9', ...workerd.map(String)]);
    killed = true;
    await Promise.all(clients);
    await edge.stop().catch(() => undefined);

    edge = await testEdge({}, edge.stateDir);
    const stored = ids(await storedWindows(edge.runtime));
    expect(answered.length).toBeGreaterThan(50);
    expect(new Set(stored).size).toBe(stored.length);
    const missing = answered.filter(({ id }) => !stored.includes(id));
    expect(missing).toEqual([]);
    await edge.remove();
  });
});

describe('group commit', () => {
  /** Of items that are as large as they say, 1,000 at once. */
  const groupCommit = (): GroupCommit<number, number> => new GroupCommit((item) => item, 1_000);
  const done = (value: number): PromiseSettledResult<number> => ({ status: 'fulfilled', value });

  it('writes every item once, in fewer writes than items', async () => {
    const commits = groupCommit();
    const writes: number[][] = [];
    const write = async (items: number[]): Promise<PromiseSettledResult<number>[]> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      writes.push(items);
      return items.map(done);
    };
    const items = Array.from({ length: 100 }, (_, item) => item);
    expect(await Promise.all(items.map((item) => commits.commit(item, write)))).toEqual(items);
    expect(writes.flat().sort((a, b) => a - b)).toEqual(items);
    expect(writes.length).toBeLessThan(20);
  });

  it('tells a failed write to those whose items it carried, and goes on', async () => {
    const commits = groupCommit();
    await expect(commits.commit(1, () => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
    await expect(commits.commit(2, async (items) => items.map(done))).resolves.toBe(2);
  });

  it('tells an item that failed alone to nobody else', async () => {
    const commits = groupCommit();
    const work = async (items: number[]): Promise<PromiseSettledResult<number>[]> =>
      items.map((item) => (item === 2 ? { status: 'rejected', reason: new Error('broken') } : done(item)));
    const told = await Promise.allSettled([1, 2, 3].map((item) => commits.commit(item, work)));
    expect(told.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('does large items one by one', async () => {
    const commits = groupCommit();
    const writes: number[][] = [];
    const write = async (items: number[]): Promise<PromiseSettledResult<number>[]> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      writes.push(items);
      return items.map(done);
    };
    await Promise.all([1, 600, 300, 800, 2_000].map((item) => commits.commit(item, write)));
    expect(writes).toEqual([[1], [600, 300], [800], [2_000]]);
  });

  it('a writer that never returns holds nobody up for longer than its lease', async () => {
    const commits = groupCommit();
    void commits.commit(1, () => new Promise(() => {}));
    const written: number[] = [];
    await commits.commit(2, async (items) => {
      written.push(...items);
      return items.map(done);
    });
    expect(written).toEqual([1, 2]);
  });
});
