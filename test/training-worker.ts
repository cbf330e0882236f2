/** A Worker for tests that trains as detect does, on storage that breaks where it is told to, and tells what is left. */
import { MODEL_NAMES } from '../contract/features.ts';
import { checkBindings, type UncheckedBindings } from '../functions/detect/bindings.ts';
import { readModelFile } from '../functions/detect/models/read-model-file.ts';
import { loadVerified } from '../functions/detect/models/verify-models.ts';
import { ortRuntime } from '../functions/detect/ort-runtime.ts';
import { trainEveryGroup, trainQueued } from '../functions/detect/training/every-group.ts';
import { trainGroup } from '../functions/detect/training/train-group.ts';
import { readPointer } from '../functions/storage/current-pointer.ts';
import { listAll, listFolders, type ObjectStore } from '../functions/storage/object-store.ts';
import type { TrainService } from '../functions/train/service.ts';
import { trainOnce } from '../functions/train/train-once.ts';
import { expireVersions } from '../functions/train/upkeep/expire-versions.ts';
import { FaultyStore } from './faulty-store.ts';
import type { Ask, Left } from './training-asks.ts';

export { Incidents } from '../functions/detect/incidents/incidents.ts';
export { Metrics } from '../functions/detect/metrics/metrics.ts';
export { Trainings } from '../functions/detect/training/trainings.ts';
export { Webhooks } from '../functions/detect/webhooks/webhooks.ts';
export { WindowBuffer } from '../functions/detect/windows/window-buffer.ts';

const HOUR_MS = 3_600_000;
/** The group whose storage fails in `queue` below. */
let broken = '';

function bindingsFor(env: UncheckedBindings, breaks: (call: number, key: string) => boolean) {
  const bindings = checkBindings(env);
  const store = new FaultyStore(bindings.store, breaks);
  const train: TrainService = {
    train: (request) => trainOnce(store, request, new Date()),
    keepStorage: () => bindings.train.keepStorage(),
    counts: () => bindings.train.counts(),
  };
  return { ...bindings, store, train };
}

async function answer(ask: Ask, env: UncheckedBindings): Promise<unknown> {
  const { store } = checkBindings(env);
  if (ask.what === 'train') {
    const bindings = bindingsFor(env, (call) => call === ask.breakAt);
    const outcome = await trainGroup(bindings, ask.group).catch((error: unknown) => ({ error: String(error) }));
    return { outcome, broken: bindings.store.broken };
  }
  if (ask.what === 'every group') {
    broken = ask.broken;
    await trainEveryGroup(checkBindings(env));
    return null;
  }
  if (ask.what === 'state') return checkBindings(env).trainings.getByName(ask.group).state();
  if (ask.what === 'sweep') return expireVersions(store, ask.group, 20, new Date(Date.now() + 2 * HOUR_MS));
  return left(store, ask.group);
}

/** @throws ModelRefusedError where something with a manifest is not whole */
async function left(store: ObjectStore, group: string): Promise<Left> {
  const read = await readPointer(store, group);
  const live = read === null || read === 'unchanged' ? null : read.pointer.version;
  const [whole, unfinished]: [string[], string[]] = [[], []];
  for (const version of await listFolders(store, `models/${group}/`)) {
    const keys: string[] = [];
    for await (const key of listAll(store, `models/${group}/${version}/`)) keys.push(key);
    if (!keys.some((key) => key.endsWith('manifest.json'))) {
      unfinished.push(version);
      continue;
    }
    const models = await loadVerified(group, version, (file) => readModelFile(store, group, version, file), ortRuntime);
    if (!MODEL_NAMES.some((name) => models.manifest.models[name])) throw new Error(`${version} has no model`);
    await models.release();
    whole.push(version);
  }
  return { live, whole, unfinished };
}

export default {
  async fetch(request: Request, env: UncheckedBindings): Promise<Response> {
    try {
      return Response.json(await answer((await request.json()) as Ask, env));
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
  async queue(batch: Parameters<typeof trainQueued>[1], env: UncheckedBindings): Promise<void> {
    await trainQueued(
      bindingsFor(env, (_, key) => key.includes(`/${broken}/`)),
      batch,
    );
  },
};
