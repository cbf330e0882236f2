/** One training of a group: everything buffered goes to storage first, the outcome goes to the webhook. */

import type { Manifest } from '../../contract/manifest.ts';
import { WINDOWS_PREFIX } from '../../contract/stored-window.ts';
import { listFolders, type ObjectStore } from '../storage/object-store.ts';
import type { TrainOutcome } from '../train/service.ts';
import type { Bindings } from './bindings.ts';
import { type Promotion, promote } from './models/promote.ts';
import { readModelFile } from './models/read-model-file.ts';
import { loadVerified, ModelRefusedError } from './models/verify-models.ts';
import { ortRuntime } from './ort-runtime.ts';
import { isolate, metricsOf } from './services.ts';

/** One seed for all, so that the same windows give the same models. */
const SEED = 1;
const MAX_FALSE_ALARM_WINDOWS = 5_000;

export type TrainAnswer =
  | ({ readonly status: 'trained'; readonly version: string; readonly quality: Manifest['quality'] } & Promotion)
  | Extract<TrainOutcome, { status: 'not_enough_data' }>;

/** Trains the group and counts what became of it. */
export async function trainGroup(bindings: Bindings, group: string): Promise<TrainAnswer> {
  const startedAt = Date.now();
  let result = 'failed';
  try {
    const answer = await train(bindings, group);
    result = answer.status === 'trained' ? (answer.promoted ? 'promoted' : 'held_back') : answer.status;
    return answer;
  } finally {
    isolate.metrics.tally.add(group, 'ml_detector_model_retrain_total', { result });
    isolate.metrics.tally.observe('ml_detector_model_retrain_seconds', (Date.now() - startedAt) / 1000);
  }
}

async function train(bindings: Bindings, group: string): Promise<TrainAnswer> {
  if (bindings.windowDelivery === 'direct') await bindings.windowBuffer.getByName(group).flush();
  const incidents = bindings.incidents.getByName(group);
  const { alertBudget, thresholds } = bindings;
  const falseAlarmWindows = await incidents.falseAlarmWindows(MAX_FALSE_ALARM_WINDOWS);
  const outcome = await bindings.train.train({ group, seed: SEED, alertBudget, thresholds, falseAlarmWindows });
  if (outcome.status === 'not_enough_data') return outcome;
  const { version, quality } = outcome;
  const { store } = bindings;
  const { promoted, reason } = await promote(store, group, outcome, () => refusalOf(store, group, version), new Date());
  await incidents.announce({ group, version, promoted, reason, quality: { ...quality } });
  return { status: 'trained', version, promoted, reason, quality };
}

/** Why this very runtime would not judge by the version; null where it would. */
async function refusalOf(store: ObjectStore, group: string, version: string): Promise<string | null> {
  try {
    const models = await loadVerified(group, version, (file) => readModelFile(store, group, version, file), ortRuntime);
    await models.release();
    return null;
  } catch (error) {
    if (error instanceof ModelRefusedError) return error.message;
    throw error;
  }
}

/** The cron: trains every group that has windows, one after another; one that fails does not keep the others from it. */
export async function trainAllGroups(bindings: Bindings): Promise<void> {
  if (!bindings.trainingEnabled) return;
  for (const group of await listFolders(bindings.store, WINDOWS_PREFIX)) {
    try {
      const outcome = await trainGroup(bindings, group);
      console.log(JSON.stringify({ level: 'info', event: 'training', group, ...outcome }));
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', event: 'training_failed', group, message: String(error) }));
    }
    // No request follows that would bring the counts out.
    await isolate.metrics.flush(metricsOf(bindings.metrics));
  }
}
