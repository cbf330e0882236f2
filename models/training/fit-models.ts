/** Fits the three models on prepared windows; one without enough data abstains with its reason. */
import { MODEL_FILES, type ModelName, SEQUENCE_LENGTH } from '../../contract/features.ts';
import type { FeatureBaseline } from '../../contract/manifest.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { FEWEST_WINDOWS, scoreSpatial, spatialPieces, spatialToOnnx } from '../dbscan/spatial.ts';
import { FEATURE_COUNT, rowsOf } from '../features.ts';
import type { ModelOutputs } from '../model-outputs.ts';
import { noPause, type Pause, withPauses } from '../pauses.ts';
import { clip } from '../scaling/clip.ts';
import { scaleRows, scalerOf } from '../scaling/scaler.ts';
import { LIMIT, type VaeShape } from '../vae/network.ts';
import { scoreVae } from '../vae/score.ts';
import { vaeToOnnx } from '../vae/to-onnx.ts';
import { trainVae } from '../vae/train.ts';
import { FEWEST_SAMPLES, scoreZmad, zmadPieces, zmadToOnnx } from '../zmad/zmad.ts';
import { everyNth, sequencesOf } from './prepare.ts';

/** DBSCAN compares every window with its neighbours; an even sample of so many shows the same densities. */
const MOST_CLUSTERED = 8000;
const MOST_SEQUENCES = 3000;
export const FEWEST_SEQUENCES = 100;

const SHAPE: VaeShape = { steps: SEQUENCE_LENGTH, features: FEATURE_COUNT, latent: 8 };
const SEQUENCE_SIZE = SEQUENCE_LENGTH * FEATURE_COUNT;

export interface FittedModel {
  readonly file: string;
  readonly onnx: Uint8Array;
  /** The reference in plain TypeScript. */
  readonly score: (input: Float32Array, hours?: Float32Array) => ModelOutputs;
  readonly parameters: Record<string, number>;
}

export interface FittedModels {
  readonly models: Partial<Record<ModelName, FittedModel>>;
  readonly abstained: Partial<Record<ModelName, string>>;
}

export interface FitOptions {
  readonly seed: number;
  readonly bootBackend: () => Promise<void>;
  readonly onProgress?: (step: string, fraction: number) => void;
  /** None by default: the fastest. */
  readonly pause?: Pause;
}

export async function fitModels(
  windows: readonly NetworkWindow[],
  baseline: readonly FeatureBaseline[],
  options: FitOptions,
): Promise<FittedModels> {
  const models: FittedModels['models'] = {};
  const abstained: FittedModels['abstained'] = {};
  const rows = rowsOf(windows);
  const count = windows.length;

  options.onProgress?.('statistical model', 0);
  if (count < FEWEST_SAMPLES) abstained.statistical = `${count} windows; it needs ${FEWEST_SAMPLES}`;
  else models.statistical = await statistical(rows, windows, baseline, options);

  await options.pause?.();
  options.onProgress?.('spatial model', 0.05);
  if (count < FEWEST_WINDOWS) abstained.spatial = `${count} windows; it needs ${FEWEST_WINDOWS}`;
  else models.spatial = await spatial(everyNth(rows, FEATURE_COUNT, count, MOST_CLUSTERED), baseline, options);

  options.onProgress?.('temporal model', 0.2);
  const sequences = sequencesOf(windows, MOST_SEQUENCES);
  const found = sequences.length / SEQUENCE_SIZE;
  if (found < FEWEST_SEQUENCES)
    abstained.temporal = `${found} sequences of ten windows in a row; it needs ${FEWEST_SEQUENCES}`;
  else models.temporal = await temporal(sequences, baseline, options);
  options.onProgress?.('temporal model', 0.9);
  return { models, abstained };
}

async function statistical(
  rows: Float32Array,
  windows: readonly NetworkWindow[],
  baseline: readonly FeatureBaseline[],
  { pause = noPause }: FitOptions,
): Promise<FittedModel> {
  const starts = windows.map(({ start }) => start);
  const parameters = await withPauses(zmadPieces(rows, baseline, starts), pause);
  return {
    file: MODEL_FILES.statistical,
    onnx: zmadToOnnx(parameters, baseline),
    score: (input, hours) => scoreZmad(parameters, baseline, input, hours),
    parameters: { windows: windows.length, hours_of_week: parameters.hours },
  };
}

async function spatial(
  rows: Float32Array,
  baseline: readonly FeatureBaseline[],
  { pause = noPause }: FitOptions,
): Promise<FittedModel> {
  const parameters = await withPauses(spatialPieces(rows, baseline), pause);
  const { eps, minSamples, clusters, noise, centroids } = parameters;
  return {
    file: MODEL_FILES.spatial,
    onnx: spatialToOnnx(parameters, baseline),
    score: (input) => scoreSpatial(parameters, baseline, input),
    parameters: {
      eps,
      min_samples: minSamples,
      clusters,
      noise,
      centroids: centroids.length,
      windows: rows.length / FEATURE_COUNT,
    },
  };
}

async function temporal(
  sequences: Float32Array,
  baseline: readonly FeatureBaseline[],
  { seed, bootBackend, onProgress, pause }: FitOptions,
): Promise<FittedModel> {
  await bootBackend();
  const { scaled, mask } = scaleRows(sequences, scalerOf(baseline));
  const fit = await trainVae({
    shape: SHAPE,
    inputs: scaled.map((value) => clip(value, LIMIT)),
    masks: mask,
    seed,
    pause,
    onEpoch: (epoch, of) => onProgress?.('temporal model', 0.2 + (0.7 * epoch) / of),
  });
  return {
    file: MODEL_FILES.temporal,
    onnx: vaeToOnnx(fit.parameters, baseline),
    score: (input) => scoreVae(fit.parameters, baseline, input),
    parameters: { epochs: fit.epochs, held_out_loss: fit.heldOutLoss, sequences: sequences.length / SEQUENCE_SIZE },
  };
}
