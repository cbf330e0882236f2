/** A thousand models of many groups, loaded in turn by one isolate: how many judge, how many make room, and what memory that takes. */
import { Miniflare } from 'miniflare';
import { runtimeOptions } from '../../cli/edge/runtime-options.ts';
import { bootBackend } from '../../cli/tfjs-backend.ts';
import { DEFAULT_THRESHOLDS } from '../../contract/thresholds.ts';
import { normalTraffic } from '../../models/training/injected-attacks.ts';
import { trainFleet } from '../../models/training/train-fleet.ts';
import { ISOLATE_MiB, peak_MiB, withIsolateHeap } from '../isolate-memory.ts';
import { ordinaryWindow } from './made-posts.ts';
import { isScored, withStateDir } from './served-edge.ts';

/** Of three models each: more than a thousand models. */
const GROUPS = 340;
const AT_ONCE = 16;
const LEARNED_WINDOWS = 600;

export interface ModelMemory {
  readonly groups: number;
  readonly models: number;
  /** Groups whose window was judged by their models. */
  readonly judged: number;
  readonly loads: number;
  readonly evictions: number;
  readonly peak_MiB: number;
}

export function loadModels(groups: number): Promise<ModelMemory> {
  return withStateDir(async (stateDir) => {
    const options = await runtimeOptions({ host: '127.0.0.1', port: 0, stateDir, vars: {}, log: () => undefined });
    const runtime = withIsolateHeap(() => new Miniflare({ ...options, inspectorPort: 0 }));
    try {
      const url = (await runtime.unsafeGetDirectURL('vigia')).origin;
      const inspector = `${(await runtime.getInspectorURL()).origin}/core:user:vigia`;
      const models = await storeModels(runtime, groups);
      let judged = 0;
      const peak = await peak_MiB(inspector, () =>
        eachGroup(groups, async (group) => {
          const answer = await fetch(`${url}/detect`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ windows: [ordinaryWindow({ host: 'h', group }, 0)] }),
          });
          if (isScored(await answer.json())) judged++;
        }),
      );
      const counted = await counters(url);
      return { groups, models, judged, loads: counted('loads'), evictions: counted('evictions'), peak_MiB: peak };
    } finally {
      await runtime.dispose();
    }
  });
}

const groupOf = (n: number): string => `g${String(n).padStart(4, '0')}`;

/** One set of trained models, under the name of every group. @returns how many models that are */
async function storeModels(runtime: Miniflare, groups: number): Promise<number> {
  const learned = normalTraffic(LEARNED_WINDOWS, 1).map((_, i) => ({
    ...ordinaryWindow({ host: 'learned', group: groupOf(0) }, i),
    alerted: false,
  }));
  const { manifest, files } = await trainFleet(learned, {
    group: groupOf(0),
    seed: 1,
    createdAt: new Date('2026-11-20T12:00:00Z'),
    alertBudget: 1,
    thresholds: DEFAULT_THRESHOLDS,
    bootBackend,
  });
  const bucket = await runtime.getR2Bucket('BUCKET', 'vigia');
  const { version } = manifest;
  const pointer = JSON.stringify({ version, previous: null, promoted_at: manifest.created_at });
  await eachGroup(groups, async (group) => {
    const folder = `models/${group}/${version}`;
    for (const [file, bytes] of files) await bucket.put(`${folder}/${file}`, bytes.slice().buffer);
    await bucket.put(`${folder}/manifest.json`, JSON.stringify({ ...manifest, group }));
    await bucket.put(`models/${group}/current.json`, pointer);
  });
  return groups * Object.keys(manifest.models).length;
}

async function eachGroup(groups: number, work: (group: string) => Promise<void>): Promise<void> {
  for (let from = 0; from < groups; from += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, groups - from) }, (_, i) => work(groupOf(from + i))));
}

async function counters(url: string): Promise<(what: 'loads' | 'evictions') => number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return (what) =>
    Number(new RegExp(`^ml_detector_model_cache_${what}_total\\{cache="live"\\} (\\d+)`, 'm').exec(page)?.[1]);
}

export async function benchmark(): Promise<unknown> {
  const memory = await loadModels(GROUPS);
  console.log(`${memory.models} models of ${GROUPS} groups, loaded in turn; an isolate may hold ${ISOLATE_MiB} MiB`);
  console.table([{ ...memory, peak_MiB: Math.round(memory.peak_MiB) }]);
  return memory;
}
