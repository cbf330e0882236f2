/**
 * The temporal model: a variational autoencoder over ten windows (Kingma, Welling: Auto-Encoding Variational Bayes, 2014).
 *
 * 110 → 64 → latent 8 (mean and logarithm of the variance) → 64 → 110, on scaled features; what was not measured is 0 at the
 * input and no part of the error. The score is the weighted mean of the squared reconstruction errors, half of the weight on
 * the last window, which is the one being judged, plus a tenth of the mean divergence of the latent dimensions. The latent code
 * is its mean: the same input always has the same score. The contributions are the reconstruction's alone.
 */
import { SEQUENCE_LENGTH } from '../../contract/features.ts';
import { FEATURE_COUNT } from '../features.ts';

export const INPUT = SEQUENCE_LENGTH * FEATURE_COUNT;
export const HIDDEN = 64;
export const LATENT = 8;

/** Scaled features beyond this are no more abnormal; keeps squares within float32. */
export const LIMIT = 30;
/** Logarithms of variances are kept within ± this. */
export const LOG_VARIANCE_LIMIT = 8;
/** Part of the divergence in the score. */
export const KL_WEIGHT = 0.1;

/** The weight of each of the ten windows: nine of 1, the judged one of 9. */
export const STEP_WEIGHTS: readonly number[] = Array.from({ length: SEQUENCE_LENGTH }, (_, step) =>
  step === SEQUENCE_LENGTH - 1 ? SEQUENCE_LENGTH - 1 : 1,
);

/** The trained weights; a matrix is row-major, input x output. */
export interface VaeParameters {
  readonly encode: Layer;
  readonly mean: Layer;
  readonly logVariance: Layer;
  readonly decode: Layer;
  readonly reconstruct: Layer;
}

export interface Layer {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** Inputs and outputs of each layer, in the order of the parameters. */
export const LAYERS = {
  encode: [INPUT, HIDDEN],
  mean: [HIDDEN, LATENT],
  logVariance: [HIDDEN, LATENT],
  decode: [LATENT, HIDDEN],
  reconstruct: [HIDDEN, INPUT],
} as const satisfies Record<keyof VaeParameters, readonly [number, number]>;
