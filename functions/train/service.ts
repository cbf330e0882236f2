/** What the train Worker offers the public one over the service binding. */
import type { Manifest } from '../../contract/manifest.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import type { SeenPointer } from '../storage/current-pointer.ts';
import type { ReadLosses } from '../storage/window-objects.ts';
import type { TrainCounts } from './train-counts.ts';

export interface TrainRequest {
  readonly group: string;
  readonly seed: number;
  readonly alertBudget: number;
  readonly thresholds: Thresholds;
  /** Windows that raised an alert which a person called false: they count as normal. */
  readonly falseAlarmWindows: readonly string[];
}

export type TrainOutcome = (
  | {
      readonly status: 'trained';
      readonly version: string;
      readonly quality: Manifest['quality'];
      /** The pointer that promotion may replace: the one that stood when the training began. */
      readonly seen: SeenPointer;
      /** What speaks against promotion by data and quality; null where nothing does. */
      readonly objection: string | null;
    }
  | { readonly status: 'not_enough_data'; readonly reason: string }
) & {
  /** What could not be read of the stored windows. */
  readonly losses: ReadLosses;
};

export interface TrainService {
  train(request: TrainRequest): Promise<TrainOutcome>;
  /** Merges the windows of past hours, and deletes what is older than is kept. @returns how often that failed */
  keepStorage(): Promise<number>;
  /** What went wrong in what nobody asked for: the Queue and the cron. */
  counts(): Promise<TrainCounts>;
}
