/** One training of a group under its lease: everything buffered goes to storage first, the outcome to the webhook. */

import type { Manifest } from '../../../contract/manifest.ts';
import type { TrainingRun } from '../../../contract/training-run.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Bindings } from '../bindings.ts';
import { type Promotion, promote } from '../models/promote.ts';
import { readModelFile } from '../models/read-model-file.ts';
import { loadVerified, ModelRefusedError } from '../models/verify-models.ts';
import { ortRuntime } from '../ort-runtime.ts';
import { isolate } from '../services.ts';
import { RUN_DEADLINE_MS, withinDeadline } from './deadline.ts';
import { type Grant, LEASE_MS, type Trainings } from './trainings.ts';

/** One seed for all, so that the same windows give the same models. */
const SEED = 1;
const MAX_FALSE_ALARM_WINDOWS = 5_000;
const RENEW_EVERY_MS = LEASE_MS / 6;

export type TrainAnswer =
  | ({ readonly status: 'trained'; readonly version: string; readonly quality: Manifest['quality'] } & Promotion)
  | { readonly status: 'not_enough_data'; readonly reason: string };

type Ended = Pick<TrainingRun, 'result' | 'reason' | 'version'>;

/**
 * Trains the group unless a training of it runs, and records what became of it.
 * @param notWithin_ms nothing is done where the last training ended less than so long ago
 * @throws TrainingDeadlineError; StorageError; whatever else the training throws
 */
export async function trainGroup(
  bindings: Bindings,
  group: string,
  notWithin_ms = 0,
): Promise<TrainAnswer | Exclude<Grant, { status: 'granted' }>> {
  const trainings = bindings.trainings.getByName(group);
  const grant = await trainings.begin(notWithin_ms);
  if (grant.status !== 'granted') return grant;
  const startedAt = Date.now();
  const renewing = setInterval(() => void trainings.renew(grant.run).catch(() => undefined), RENEW_EVERY_MS);
  let ended: Ended = { result: 'failed', reason: '', version: null };
  try {
    const answer = await withinDeadline(group, RUN_DEADLINE_MS, train(bindings, group, trainings, grant.run));
    ended = endOf(answer);
    return answer;
  } catch (error) {
    ended = { ...ended, reason: String(error) };
    throw error;
  } finally {
    clearInterval(renewing);
    const { tally } = isolate.metrics;
    tally.add(group, 'ml_detector_model_retrain_total', { result: ended.result });
    tally.set(group, 'ml_detector_last_training_timestamp_seconds', { result: ended.result }, Date.now() / 1000);
    tally.observe('ml_detector_model_retrain_seconds', (Date.now() - startedAt) / 1000);
    await trainings.end(grant.run, ended);
  }
}

function endOf(answer: TrainAnswer): Ended {
  if (answer.status === 'not_enough_data') return { result: answer.status, reason: answer.reason, version: null };
  return {
    result: answer.promoted ? 'promoted' : 'held_back',
    reason: answer.reason,
    version: answer.version,
  };
}

async function train(
  bindings: Bindings,
  group: string,
  trainings: DurableObjectStub<Trainings>,
  run: string,
): Promise<TrainAnswer> {
  if (bindings.windowQueue === null) await bindings.windowBuffer.getByName(group).flush();
  const incidents = bindings.incidents.getByName(group);
  const { alertBudget, thresholds } = bindings;
  const falseAlarmWindows = await incidents.falseAlarmWindows(MAX_FALSE_ALARM_WINDOWS);
  const outcome = await bindings.train.train({ group, seed: SEED, alertBudget, thresholds, falseAlarmWindows });
  const { unreadableObjects, invalidLines } = outcome.losses;
  const { tally } = isolate.metrics;
  tally.add(group, 'ml_detector_training_losses_total', { what: 'unreadable_objects' }, unreadableObjects);
  tally.add(group, 'ml_detector_training_losses_total', { what: 'invalid_lines' }, invalidLines);
  if (outcome.status === 'not_enough_data') return { status: outcome.status, reason: outcome.reason };
  const { version, quality } = outcome;
  const { store } = bindings;
  const verify = async (): Promise<string | null> =>
    (await trainings.renew(run)) ? refusalOf(store, group, version) : 'another training took over meanwhile';
  const { promoted, reason } = await promote(store, group, outcome, verify, new Date());
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
    if (error instanceof ModelRefusedError) return `this runtime refuses it: ${error.message}`;
    throw error;
  }
}
