/** What the train Worker offers the public one over the service binding. */
import type { Manifest } from '../../contract/manifest.ts';
import type { Thresholds } from '../../contract/thresholds.ts';

export interface TrainRequest {
  readonly group: string;
  readonly seed: number;
  readonly alertBudget: number;
  readonly thresholds: Thresholds;
  /** Windows that raised an alert which a person called false: they count as normal. */
  readonly falseAlarmWindows: readonly string[];
}

export type TrainOutcome =
  | {
      readonly status: 'trained';
      readonly version: string;
      readonly promoted: boolean;
      readonly reason: string;
      readonly quality: Manifest['quality'];
    }
  | { readonly status: 'not_enough_data'; readonly reason: string };

export interface TrainService extends Rpc.WorkerEntrypointBranded {
  train(request: TrainRequest): Promise<TrainOutcome>;
}
