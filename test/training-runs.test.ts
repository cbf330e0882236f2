/** A training that is ended anywhere leaves the live models alone and nothing half to see; the next one brings it to the end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleSource, COMPATIBILITY_DATE } from '../cli/edge/bundle-workers.ts';
import { windowsFolder } from '../contract/stored-window.ts';
import type { TrainingState } from '../contract/training-run.ts';
import { normalWindows } from './fitted-models.ts';
import type { Ask, Left } from './training-asks.ts';

/** Enough for two models; the temporal one abstains, which makes a training short. */
const WINDOWS = 80;
const ENTRY = "export * from './test/training-worker.ts'; export { default } from './test/training-worker.ts';";
const durable = (className: string) => ({ className, useSQLite: true });

let runtime: Miniflare;
let url: URL;

beforeAll(async () => {
  runtime = new Miniflare(
    convertV4MiniflareOptions({
      name: 'training',
      modules: await bundleSource(ENTRY),
      modulesRoot: '/',
      compatibilityDate: COMPATIBILITY_DATE,
      cf: false,
      handleStructuredLogs: () => undefined,
      bindings: { EMBEDDED: 'true' },
      r2Buckets: { BUCKET: 'vigia' },
      queueProducers: { WINDOWS: 'unused', TRAINING_QUEUE: 'trainings' },
      queueConsumers: { trainings: { maxBatchSize: 1, maxBatchTimeout: 0 } },
      serviceBindings: { TRAIN: 'training', CLASSIFY: 'training' },
      durableObjects: {
        INCIDENTS: durable('Incidents'),
        METRICS: durable('Metrics'),
        TRAININGS: durable('Trainings'),
        WEBHOOKS: durable('Webhooks'),
        WINDOW_BUFFER: durable('WindowBuffer'),
      },
    }),
  );
  url = await runtime.ready;
});
afterAll(() => runtime.dispose());

async function ask<T>(what: Ask): Promise<T> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(what) });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as T;
}

async function storeWindows(group: string): Promise<void> {
  const at = new Date(Date.now() - 2 * 3_600_000);
  const lines = normalWindows(WINDOWS, 1).map((window, second) =>
    JSON.stringify({ ...window, group, start: new Date(at.getTime() + 1000 * second).toISOString() }),
  );
  const bucket = await runtime.getR2Bucket('BUCKET', 'training');
  await bucket.put(`${windowsFolder(group, at)}a.ndjson.gz`, gzipSync(`${lines.join('\n')}\n`));
}

interface Trained {
  readonly outcome: { readonly status?: string; readonly promoted?: boolean; readonly error?: string };
  readonly broken: boolean;
}

const train = (group: string, breakAt = -1): Promise<Trained> => ask({ what: 'train', group, breakAt });
const look = (group: string): Promise<Left> => ask({ what: 'look', group });
const state = (group: string): Promise<TrainingState> => ask({ what: 'state', group });

describe('ended at any call of storage', () => {
  it.each([
    'the first training',
    'a later one',
  ])('%s leaves the live models and whole versions, and the next run ends it', async (which) => {
    const group = which === 'a later one' ? 'later' : 'first';
    await storeWindows(group);
    if (group === 'later') expect((await train(group)).outcome).toMatchObject({ promoted: true });
    let before = await look(group);
    let left = 0;
    for (let call = 0; ; call++) {
      const { outcome, broken } = await train(group, call);
      const after = await look(group);
      if (!broken) {
        expect(outcome).toMatchObject({ status: 'trained', promoted: true });
        expect(call).toBeGreaterThan(10);
        break;
      }
      if (after.live !== before.live) expect(after.whole).toContain(after.live);
      else if (outcome.error !== undefined) expect(await state(group)).toMatchObject({ last: { result: 'failed' } });
      left += after.unfinished.length - before.unfinished.length;
      before = after;
    }
    expect(left).toBeGreaterThan(0);
    await ask({ what: 'sweep', group });
    expect((await look(group)).unfinished).toEqual([]);
  });
});

it('every group is trained though the storage of one fails, and the next cron does only what is left', async () => {
  const groups = ['a', 'bad', 'c'];
  for (const group of groups) await storeWindows(group);
  await ask({ what: 'every group', broken: 'bad' });
  const results = async (): Promise<unknown[]> =>
    (await Promise.all(groups.map(state))).map(({ running_since, last }) => running_since ?? last?.result);
  await expect.poll(results, { timeout: 30_000 }).toEqual(['promoted', 'failed', 'promoted']);
  expect((await state('bad')).last?.reason).toMatch(/ended at call 0/);
  const [first] = await Promise.all([state('a')]);
  await ask({ what: 'every group', broken: 'none' });
  await expect.poll(results, { timeout: 30_000 }).toEqual(['promoted', 'promoted', 'promoted']);
  expect(await state('a')).toEqual(first);
});

it('the cron of the deployment has a Queue that hands out a few trainings at once, and comes again in the same night', () => {
  const config = readFileSync(join(import.meta.dirname, '../wrangler.toml'), 'utf8');
  expect(config).toMatch(
    /queue = "vigia-trainings"\nmax_batch_size = 1\nmax_batch_timeout = 0\nmax_concurrency = \d\n/,
  );
  expect(config).toContain('crons = ["17 3-6 * * *"]');
});
