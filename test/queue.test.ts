/** Windows that the Queue of Cloudflare brings outlast an outage of storage, and are read once however often they are delivered. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundleSource } from '../cli/edge/bundle-workers.ts';
import { runtimeOptions } from '../cli/edge/runtime-options.ts';
import { storedWindows } from '../cli/edge/stored-windows.ts';
import type { WindowPost } from '../contract/stored-window.ts';
import { listAll } from '../functions/storage/object-store.ts';
import { readWindows } from '../functions/storage/window-objects.ts';
import { retryDelay } from '../functions/train/retry-delay.ts';
import { DEAD_LETTER_QUEUE, storePosts } from '../functions/train/store-posts.ts';
import { quietWindow } from './edge-fixture.ts';
import { MemoryStore } from './memory-store.ts';

/** The train Worker, whose next puts fail, or whose next acknowledgements are lost, as a test asks. */
const TRAIN = `
import Train from './functions/train/index.ts';
export { TrainCounters } from './functions/train/index.ts';
const asked = { failing_puts: 0, lost_acknowledgements: 0, acknowledged: 0 };
const failing = (bucket) => new Proxy(bucket, {
  get: (_, name) => (...values) => {
    if (name === 'put' && asked.failing_puts-- > 0) throw new Error('storage is away');
    return bucket[name](...values);
  },
});
const unheard = (message) => ({
  id: message.id, timestamp: message.timestamp, body: message.body, attempts: message.attempts,
  ack: () => {
    if (asked.lost_acknowledgements-- > 0) return message.retry({ delaySeconds: 0 });
    asked.acknowledged++;
    message.ack();
  },
  retry: (options) => message.retry(options),
});
export default class extends Train {
  constructor(ctx, env) { super(ctx, { ...env, BUCKET: failing(env.BUCKET) }); }
  async fetch(request) { return Response.json(Object.assign(asked, await request.json())); }
  queue(batch) { return super.queue({ queue: batch.queue, messages: batch.messages.map(unheard) }); }
};`;

interface Asked {
  readonly failing_puts: number;
  readonly lost_acknowledgements: number;
  /** Messages so far, without those whose acknowledgement was lost. */
  readonly acknowledged: number;
}

interface QueuedEdge {
  readonly runtime: Miniflare;
  readonly logs: { event?: string; queue?: string }[];
  ask(what: Partial<Asked>): Promise<Asked>;
  post(windows: unknown[]): Promise<void>;
  stored(group: string, count: number): Promise<string[]>;
  counted(name: string): Promise<number>;
  remove(): Promise<void>;
}

/** @param maxRetries of the Queue of windows; as many as it has where it is absent */
async function queuedEdge(maxRetries?: number): Promise<QueuedEdge> {
  const stateDir = await mkdtemp(join(tmpdir(), 'vigia-queue-'));
  const logs: QueuedEdge['logs'] = [];
  const log = (line: string): void => void logs.push(JSON.parse(line) as QueuedEdge['logs'][number]);
  const vars = { WINDOW_DELIVERY: 'queue' };
  const options = await runtimeOptions({ host: '127.0.0.1', port: 0, stateDir, vars, log });
  const train = options.workers.find(({ config }) => config.name === 'vigia-train')?.config;
  const main = train?.manifest?.modules[train.manifest.mainModule];
  if (train === undefined || main === undefined) throw new TypeError('no train Worker');
  Object.assign(main, { contents: (await bundleSource(TRAIN))[0]?.contents });
  for (const trigger of train.triggers ?? [])
    if (trigger.type === 'queue') {
      Object.assign(trigger, { maxBatchTimeout: 1 });
      if (maxRetries !== undefined && trigger.name !== DEAD_LETTER_QUEUE) Object.assign(trigger, { maxRetries });
    }
  const runtime = new Miniflare(options);
  const url = (await runtime.unsafeGetDirectURL('vigia')).origin;
  const worker = await runtime.getWorker('vigia-train');
  const ids = async (group: string): Promise<string[]> => (await storedWindows(runtime, group)).map(({ id }) => id);
  return {
    runtime,
    logs,
    ask: async (what) =>
      (await (await worker.fetch('http://train/', { method: 'POST', body: JSON.stringify(what) })).json()) as Asked,
    post: async (windows) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${url}/detect`, { method: 'POST', headers, body: JSON.stringify({ windows }) });
      if (!answer.ok) throw new Error(await answer.text());
    },
    stored: async (group, count) => {
      await vi.waitUntil(async () => (await ids(group)).length >= count, { timeout: 60_000, interval: 200 });
      return (await ids(group)).sort();
    },
    counted: async (name) => {
      const page = await (await fetch(`${url}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(page)?.[1] ?? 0);
    },
    remove: async () => {
      await runtime.dispose();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

const windowsOf = (group: string, count: number) => Array.from({ length: count }, () => quietWindow({ group }));
const idsOf = (windows: readonly { id: string }[]): string[] => windows.map(({ id }) => id).sort();

describe('the Queue of windows', () => {
  let edge: QueuedEdge;
  beforeAll(async () => {
    edge = await queuedEdge();
  });
  afterAll(() => edge.remove());

  it('brings every window again that storage did not take, until it is stored, once', async () => {
    const windows = windowsOf('outage', 20);
    await edge.ask({ failing_puts: 2 });
    await Promise.all(windows.map((window) => edge.post([window])));
    expect(await edge.stored('outage', 20)).toEqual(idsOf(windows));
    const failed = edge.logs.filter(({ event }) => event === 'windows_not_stored');
    expect(failed.length).toBe(2);
    expect(failed[0]).toMatchObject({ queue: 'vigia-windows', group: 'outage', message: 'Error: storage is away' });
    expect(await edge.counted('ml_detector_queue_retries_total')).toBeGreaterThan(0);
    expect(await edge.counted('ml_detector_queue_dead_letters_total')).toBe(0);
  });

  it('stores a batch once whose acknowledgement was lost, and which it delivers again', async () => {
    const windows = windowsOf('again', 5);
    const { acknowledged } = await edge.ask({ lost_acknowledgements: 1 });
    await edge.post(windows);
    expect(await edge.stored('again', 5)).toEqual(idsOf(windows));
    await expect.poll(async () => (await edge.ask({})).acknowledged, { timeout: 60_000 }).toBe(acknowledged + 1);
    expect((await edge.ask({})).lost_acknowledgements).toBeLessThan(0);
    expect(await edge.stored('again', 5)).toEqual(idsOf(windows));
  });
});

it('what the Queue has retried to the end is tried on in the dead-letter queue, and counted', async () => {
  const edge = await queuedEdge(0);
  try {
    const windows = windowsOf('dead', 3);
    await edge.ask({ failing_puts: 1 });
    await edge.post(windows);
    expect(await edge.stored('dead', 3)).toEqual(idsOf(windows));
    expect(await edge.counted('ml_detector_queue_dead_letters_total')).toBe(1);
  } finally {
    await edge.remove();
  }
});

/** A batch as the Queue delivers it, and what became of its messages: `acked`, or the seconds until they come again. */
function batchOf(queue: string, bodies: unknown[], attempts = 1) {
  const became = new Map<number, 'acked' | number>();
  const messages = bodies.map((body, i) => ({
    id: String(i),
    timestamp: new Date('2026-11-20T12:00:00Z'),
    body,
    attempts,
    ack: () => void became.set(i, 'acked'),
    retry: ({ delaySeconds }: { delaySeconds: number }) => void became.set(i, delaySeconds),
  }));
  return { batch: { queue, messages }, became };
}

const postOf = (id: string, windows: readonly object[]): WindowPost => ({
  group: 'web',
  id,
  lines: windows.map((window) => `${JSON.stringify(window)}\n`).join(''),
});

describe('a batch', () => {
  it('with messages that were stored before, beside others, is read once', async () => {
    const store = new MemoryStore();
    const windows = windowsOf('web', 3);
    const [a, b, c] = windows.map((window, i) => postOf(String(i), [window]));
    for (const bodies of [
      [a, b],
      [b, a],
      [b, c],
      [a, a, c],
    ])
      await storePosts(store, batchOf('q', bodies).batch);
    const losses = { unreadableObjects: 0, invalidLines: 0, duplicates: 0 };
    const read: string[] = [];
    for await (const { id } of readWindows(store, listAll(store, 'windows/'), losses)) read.push(id);
    expect(read.sort()).toEqual(idsOf(windows));
    expect(store.objects.size).toBe(3);
    expect(losses).toEqual({ unreadableObjects: 0, invalidLines: 0, duplicates: 3 });
  });

  it('fails for the group alone whose object is not taken, and what is no windows is dropped and counted', async () => {
    const store = new MemoryStore();
    const put = store.put.bind(store);
    store.put = (key, bytes) => (key.includes('/bad/') ? Promise.reject(new Error('denied')) : put(key, bytes));
    const good = postOf('1', windowsOf('web', 1));
    const { batch, became } = batchOf('vigia-windows', [good, { ...good, group: 'bad' }, { group: 'web' }, 'x'], 3);
    const counts = { queue_retries: 1, queue_dead_letters: 0, queue_foreign_messages: 2, upkeep_failures: 0 };
    expect(await storePosts(store, batch)).toEqual(counts);
    expect([0, 2, 3].map((i) => became.get(i))).toEqual(['acked', 'acked', 'acked']);
    expect(became.get(1)).toBeGreaterThanOrEqual(6);
    expect(became.get(1)).toBeLessThanOrEqual(8);
  });

  it('of the dead-letter queue is counted when it comes, and not when it comes again', async () => {
    const broken = { ...postOf('1', windowsOf('web', 1)) };
    const store = new MemoryStore();
    store.put = () => Promise.reject(new Error('denied'));
    for (const [attempts, queue_dead_letters] of [[1, 1] as const, [2, 0] as const]) {
      const { batch, became } = batchOf(DEAD_LETTER_QUEUE, [broken], attempts);
      expect(await storePosts(store, batch)).toMatchObject({ queue_retries: 1, queue_dead_letters });
      expect(became.get(0)).toBeGreaterThanOrEqual(675);
    }
  });
});

it('the retries that a Queue gives last for hours, those of the dead-letter queue longer than it keeps anything', async () => {
  const lasting = (isDeadLetter: boolean, chance: number): number =>
    Array.from({ length: 100 }, (_, i) => retryDelay(i + 1, isDeadLetter, chance)).reduce((sum, delay) => sum + delay);
  expect(lasting(false, 1)).toBeGreaterThan(17 * 3600);
  expect(lasting(false, 0)).toBeLessThan(24 * 3600);
  expect(lasting(true, 1)).toBeGreaterThan(14 * 86_400);
  for (const chance of [0, 0.3, 1])
    for (let attempts = 1; attempts <= 101; attempts++)
      for (const isDeadLetter of [false, true]) {
        const delay = retryDelay(attempts, isDeadLetter, chance);
        expect(Number.isInteger(delay) && delay >= 1 && delay <= 43_200).toBe(true);
      }
  const config = await readFile(join(import.meta.dirname, '../functions/train/wrangler.toml'), 'utf8');
  for (const queue of ['vigia-windows', DEAD_LETTER_QUEUE])
    expect(config).toMatch(
      new RegExp(
        `queue = "${queue}"\nmax_batch_size = 100\nmax_batch_timeout = 30\nmax_retries = 100\nretry_delay = \\d+\n`,
      ),
    );
  expect(config).toContain(`dead_letter_queue = "${DEAD_LETTER_QUEUE}"`);
});
