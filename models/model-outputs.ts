/** What a model's graph returns, and the function that runs one; the runtime itself is injected. */
import type { ModelName } from '../contract/features.ts';

export interface ModelOutputs {
  /** One raw score per row; higher is more abnormal. */
  score: Float32Array;
  /** rows x features, row-major: each feature's part of the score, ≥ 0; 0 for a feature that was not measured. */
  contribution: Float32Array;
  /** Only the spatial model: index of the nearest cluster per row. */
  nearest?: Int32Array;
  /** Only the temporal model: rows x 10 x 11, the squared error of each window's feature, scaled; the oldest window first. */
  stepError?: Float32Array;
}

/**
 * Runs one model of the loaded set. `input` is row-major: rows x 11 for spatial and statistical,
 * rows x 10 x 11 for temporal; NaN where a feature was not measured. `hours` of the week of each row are for the statistical
 * model; without them it knows no time.
 */
export type ModelRunner = (
  model: ModelName,
  input: Float32Array,
  rows: number,
  hours?: Float32Array,
) => Promise<ModelOutputs>;
