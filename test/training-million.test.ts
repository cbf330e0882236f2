/** A group of a million windows trains in workerd on a bounded sample of every hour, and its isolate stays below 128 MB. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ISOLATE_MiB, peak_MiB, withIsolateHeap } from '../bench/isolate-memory.ts';
import { runtimeOptions } from '../cli/edge/runtime-options.ts';
import { windowsFolder } from '../contract/stored-window.ts';
import { MAX_WINDOWS } from '../functions/train/recent-windows.ts';
import { normalWindows } from './fitted-models.ts';

const HOUR_MS = 3_600_000;
/** 60 x 2 x 8,400 windows are more than a million. */
const HOURS = 60;
const HOSTS = 10;
/** Each object holds 4 MiB of text, as upkeep merges an hour. */
const OBJECTS_PER_HOUR = 2;
const WINDOWS_PER_HOST = 840;
const PERIOD_S = 2;

let stateDir: string;
let runtime: Miniflare;
const logs: string[] = [];

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'vigia-million-'));
  const log = (line: string): void => void logs.push(line);
  const options = await runtimeOptions({ host: '127.0.0.1', port: 0, stateDir, vars: {}, log });
  runtime = withIsolateHeap(() => new Miniflare({ ...options, inspectorPort: 0 }));
  await runtime.ready;
  await storeHours();
});
afterAll(async () => {
  await runtime.dispose();
  await rm(stateDir, { recursive: true, force: true });
});

/** The same traffic every hour, with names and times of its own: only these differ from one object to the next. */
async function storeHours(): Promise<void> {
  const measured = normalWindows(WINDOWS_PER_HOST * OBJECTS_PER_HOUR, 1).map(
    ({ id: _, host: __, group: ___, start: ____, ...rest }) =>
      JSON.stringify({ group: 'default', ...rest, duration_s: PERIOD_S }).slice(1),
  );
  const bucket = await runtime.getR2Bucket('BUCKET', 'vigia');
  const first = Math.floor(Date.now() / HOUR_MS) - HOURS - 2;
  for (let hour = first; hour < first + HOURS; hour++)
    for (let object = 0; object < OBJECTS_PER_HOUR; object++) {
      const lines: string[] = [];
      for (let host = 0; host < HOSTS; host++)
        for (let i = object * WINDOWS_PER_HOST; i < (object + 1) * WINDOWS_PER_HOST; i++) {
          const start = new Date(hour * HOUR_MS + 1000 * PERIOD_S * i).toISOString();
          lines.push(`{"id":"${host}:${start}","host":"host-${host}","start":"${start}",${measured[i]}`);
        }
      const key = `${windowsFolder('default', new Date(hour * HOUR_MS))}${object}.merged.ndjson.gz`;
      await bucket.put(key, gzipSync(`${lines.join('\n')}\n`, { level: 1 }));
    }
}

it('reads as many of every hour, trains all three models, and stays in memory', async () => {
  let outcome: unknown;
  const url = await runtime.unsafeGetDirectURL('vigia');
  const inspector = `${(await runtime.getInspectorURL()).origin}/core:user:vigia-train`;
  const memory_MiB = await peak_MiB(inspector, async () => {
    outcome = await (await fetch(new URL('/train', url), { method: 'POST' })).json();
  });
  console.log(
    `${HOURS * OBJECTS_PER_HOUR * HOSTS * WINDOWS_PER_HOST} windows stored, peak ${Math.round(memory_MiB)} MiB`,
  );
  expect(outcome).toMatchObject({ status: 'trained', promoted: true });
  const read = logs
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find(({ event }) => event === 'training_data');
  expect(read?.windows).toBeGreaterThan(0.95 * MAX_WINDOWS);
  expect(read?.windows).toBeLessThanOrEqual(MAX_WINDOWS);
  const { models } = (await (await fetch(new URL('/models', url))).json()) as {
    models: { models: string[]; training: { from: string; to: string; hosts: number } }[];
  };
  expect(models[0]?.models).toHaveLength(3);
  const { from = '', to = '' } = models[0]?.training ?? {};
  expect((Date.parse(to) - Date.parse(from)) / HOUR_MS).toBeGreaterThan(HOURS - 2);
  expect(models[0]?.training.hosts).toBe(HOSTS);
  expect(memory_MiB).toBeLessThan(ISOLATE_MiB);
}, 120_000);
