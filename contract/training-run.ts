/** What became of the trainings of a group, as `GET /models` and `GET /stats` tell it. */
import * as z from 'zod';
import { modelVersion } from './manifest.ts';
import { instant } from './quantity.ts';

export const TRAINING_RESULTS = ['promoted', 'held_back', 'not_enough_data', 'failed'] as const;

export const trainingRun = z.object({
  started_at: instant,
  ended_at: instant,
  result: z.enum(TRAINING_RESULTS),
  /** Why it was not promoted, or that it was. */
  reason: z.string(),
  /** Null where none was written, or a run ended before it was told. */
  version: modelVersion.nullable(),
});

export const trainingState = z.object({
  /** Null: none runs. */
  running_since: instant.nullable(),
  /** Null: there was none. */
  last: trainingRun.nullable(),
});

export type TrainingRun = z.output<typeof trainingRun>;
export type TrainingState = z.output<typeof trainingState>;
