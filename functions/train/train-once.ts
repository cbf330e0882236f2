/** Stand-in until the training lands. */
import type { ObjectStore } from '../storage/object-store.ts';
import type { TrainOutcome, TrainRequest } from './service.ts';

export async function trainOnce(_store: ObjectStore, request: TrainRequest, _now: Date): Promise<TrainOutcome> {
  return { status: 'not_enough_data', reason: `group ${request.group} has no windows` };
}
