/** One training of one group: reads the windows, fits the models and writes them beside the live ones. */

import type { Pause } from '../../models/pauses.ts';
import { NotEnoughDataError } from '../../models/training/not-enough-data.ts';
import { trainFleet } from '../../models/training/train-fleet.ts';
import { seenPointer } from '../storage/current-pointer.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { objectionTo, writeCandidate } from './candidate.ts';
import { recentWindows } from './recent-windows.ts';
import type { TrainOutcome, TrainRequest } from './service.ts';
import { bootBackend } from './tfjs-backend.ts';

/** Fewer say nothing about what is normal: ZMAD's least sample. */
const MIN_WINDOWS = 30;

/** The embedded edge has one thread for all Workers: what came in meanwhile is answered first. */
const pause: Pause = () => scheduler.wait(1);

export async function trainOnce(store: ObjectStore, request: TrainRequest, now: Date): Promise<TrainOutcome> {
  const { group, seed, alertBudget, thresholds } = request;
  const seen = await seenPointer(store, group);
  const { windows, alerted, quarantined, unsettled, losses } = await recentWindows(
    store,
    group,
    now,
    new Set(request.falseAlarmWindows),
  );
  console.log(
    JSON.stringify({
      level: 'info',
      event: 'training_data',
      group,
      windows: windows.length,
      alerted,
      quarantined,
      unsettled,
      ...losses,
    }),
  );
  if (windows.length < MIN_WINDOWS)
    return { status: 'not_enough_data', reason: tooFew(group, windows.length, alerted), losses };
  try {
    const options = { group, seed, createdAt: now, alertBudget, thresholds, bootBackend, pause };
    const candidate = await trainFleet(windows, options);
    await writeCandidate(store, candidate);
    const { version, quality } = candidate.manifest;
    return { status: 'trained', version, quality, seen, objection: await objectionTo(store, candidate, seen), losses };
  } catch (error) {
    if (error instanceof NotEnoughDataError) return { status: 'not_enough_data', reason: error.message, losses };
    throw error;
  }
}

function tooFew(group: string, windows: number, alerted: number): string {
  const left = alerted > 0 ? ` (${alerted} more raised an alert and were left out)` : '';
  return `Group "${group}" has ${windows} network windows of the last 14 days${left}; training needs at least ${MIN_WINDOWS}, and ten in a row of a host for the temporal model. Let a collector run for a few minutes.`;
}
