/**
 * Trains every group that has windows: the cron sends a message for each, and the Queue hands out a few at once.
 *
 * The next cron sends them all again, and a group whose last training is a day past, failed or died is due: nothing is lost with a
 * message, a night that breaks off goes on where it stood, and no group waits for another one's failure.
 */
import * as z from 'zod';
import { groupName } from '../../../contract/quantity.ts';
import { WINDOWS_PREFIX } from '../../../contract/stored-window.ts';
import { listFolders } from '../../storage/object-store.ts';
import type { Bindings } from '../bindings.ts';
import { DEPLOYMENT } from '../metrics/tally.ts';
import { isolate, metricsOf } from '../services.ts';
import { trainGroup } from './train-group.ts';

/** Less than a day, so that a training does not come an hour later each night. */
export const DUE_AFTER_MS = 20 * 3_600_000;
/** Messages that a Queue takes in one call. */
const SENT_AT_ONCE = 100;

const trainingMessage = z.object({ group: groupName });
export type TrainingMessage = z.output<typeof trainingMessage>;

/** Without a Queue each group is trained here and now, one after another. @throws StorageError; what the Queue throws */
export async function trainEveryGroup(bindings: Bindings): Promise<void> {
  if (!bindings.trainingEnabled) return;
  try {
    await trainListed(bindings);
  } catch (error) {
    // The runtime that called says only that something failed.
    console.error(JSON.stringify({ level: 'error', event: 'trainings_not_begun', message: String(error) }));
    throw error;
  }
}

async function trainListed(bindings: Bindings): Promise<void> {
  const { trainingQueue, store } = bindings;
  const groups = (await listFolders(store, WINDOWS_PREFIX)).filter((group) => groupName.safeParse(group).success);
  if (trainingQueue === null) {
    for (const group of groups) await trainIfDue(bindings, group);
    await isolate.metrics.flush(metricsOf(bindings.metrics));
    return;
  }
  for (let from = 0; from < groups.length; from += SENT_AT_ONCE)
    await trainingQueue.sendBatch(groups.slice(from, from + SENT_AT_ONCE).map((group) => ({ body: { group } })));
  console.log(JSON.stringify({ level: 'info', event: 'trainings_queued', groups: groups.length }));
}

/** A message is done with whatever becomes of the training, which is recorded. */
export async function trainQueued(bindings: Bindings, batch: MessageBatch<TrainingMessage>): Promise<void> {
  for (const message of batch.messages) {
    const parsed = trainingMessage.safeParse(message.body);
    if (parsed.success) await trainIfDue(bindings, parsed.data.group);
    else {
      console.error(JSON.stringify({ level: 'error', event: 'foreign_message', id: message.id }));
      isolate.metrics.tally.add(DEPLOYMENT, 'ml_detector_queue_foreign_messages_total');
    }
    message.ack();
  }
  // No request follows that would bring the counts out.
  await isolate.metrics.flush(metricsOf(bindings.metrics));
}

async function trainIfDue(bindings: Bindings, group: string): Promise<void> {
  if (!bindings.trainingEnabled) return;
  try {
    const outcome = await trainGroup(bindings, group, DUE_AFTER_MS);
    if (outcome.status === 'not_due') return;
    console.log(JSON.stringify({ level: 'info', event: 'training', group, ...outcome }));
  } catch (error) {
    console.error(JSON.stringify({ level: 'error', event: 'training_failed', group, message: String(error) }));
  }
}
