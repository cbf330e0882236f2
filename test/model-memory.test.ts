/** A thousand models of many groups, loaded in turn by one isolate in workerd: each judges, few stay, and memory is bounded. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ISOLATE_MiB, peak_MiB, withIsolateHeap } from '../bench/isolate-memory.ts';
import { runtimeOptions } from '../cli/edge/runtime-options.ts';
import { bootBackend } from '../cli/tfjs-backend.ts';
import { DEFAULT_THRESHOLDS } from '../contract/thresholds.ts';
import { trainFleet } from '../models/training/train-fleet.ts';
import { quietWindow } from './edge-fixture.ts';
import { normalWindows } from './fitted-models.ts';

/** Of three models each: more than a thousand models. */
const GROUPS = 340;
const HOST = '127.0.0.1';
const AT_ONCE = 16;

let stateDir: string;
let runtime: Miniflare;
let [url, inspector]: [string, string] = ['', ''];

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'vigia-groups-'));
  const options = await runtimeOptions({ host: HOST, port: 0, stateDir, vars: {}, log: () => undefined });
  runtime = withIsolateHeap(() => new Miniflare({ ...options, inspectorPort: 0 }));
  url = (await runtime.unsafeGetDirectURL('vigia')).origin;
  inspector = `${(await runtime.getInspectorURL()).origin}/core:user:vigia`;
  await storeModels();
});
afterAll(async () => {
  await runtime.dispose();
  await rm(stateDir, { recursive: true, force: true });
});

const groupOf = (n: number): string => `g${String(n).padStart(4, '0')}`;

/** One set of three trained models, under the name of every group. */
async function storeModels(): Promise<void> {
  const { manifest, files } = await trainFleet(normalWindows(600, 1), {
    group: groupOf(0),
    seed: 1,
    createdAt: new Date('2026-11-20T12:00:00Z'),
    alertBudget: 1,
    thresholds: DEFAULT_THRESHOLDS,
    bootBackend,
  });
  expect(Object.keys(manifest.models)).toHaveLength(3);
  const bucket = await runtime.getR2Bucket('BUCKET', 'vigia');
  const { version } = manifest;
  const pointer = JSON.stringify({ version, previous: null, promoted_at: manifest.created_at });
  await eachGroup(async (group) => {
    const folder = `models/${group}/${version}`;
    for (const [file, bytes] of files) await bucket.put(`${folder}/${file}`, bytes.slice().buffer);
    await bucket.put(`${folder}/manifest.json`, JSON.stringify({ ...manifest, group }));
    await bucket.put(`models/${group}/current.json`, pointer);
  });
}

async function eachGroup(work: (group: string) => Promise<void>): Promise<void> {
  for (let from = 0; from < GROUPS; from += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, GROUPS - from) }, (_, i) => work(groupOf(from + i))));
}

const metric = async (name: string): Promise<number> => {
  const page = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{cache="live"\\} (\\d+)`, 'm').exec(page)?.[1]);
};

it('every group is judged by its models, the least recently used make room, and the isolate stays below 128 MB', async () => {
  let judged = 0;
  const memory_MiB = await peak_MiB(inspector, () =>
    eachGroup(async (group) => {
      const answer = await fetch(`${url}/detect`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ windows: [quietWindow({ group })] }),
      });
      const { results } = (await answer.json()) as { results: { model_version: string | null }[] };
      if (results[0]?.model_version) judged++;
    }),
  );
  console.log(`${judged} groups, peak ${Math.round(memory_MiB)} MiB`);
  expect(judged).toBe(GROUPS);
  expect(await metric('ml_detector_model_cache_loads_total')).toBe(GROUPS);
  const evictions = await metric('ml_detector_model_cache_evictions_total');
  expect(evictions).toBeGreaterThan(GROUPS / 2);
  expect(evictions).toBeLessThan(GROUPS);
  expect(memory_MiB).toBeLessThan(ISOLATE_MiB);
}, 120_000);
