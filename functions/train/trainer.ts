/** The trainer of the models as this Worker runs it. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { Thresholds } from '../../contract/thresholds.ts';
import type { Candidate } from './promote.ts';

export interface TrainOptions {
  readonly group: string;
  readonly seed: number;
  readonly createdAt: Date;
  readonly alertBudget: number;
  readonly thresholds: Thresholds;
}

/** Too little to fit any model on. */
export class NotEnoughDataError extends Error {
  override readonly name = 'NotEnoughDataError';
}

/** Stand-in until the training of models/ lands. */
export async function trainFleet(windows: readonly NetworkWindow[], options: TrainOptions): Promise<Candidate> {
  throw new NotEnoughDataError(
    `Group "${options.group}" has ${windows.length} windows, but this build cannot train yet.`,
  );
}
