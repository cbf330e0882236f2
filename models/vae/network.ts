/**
 * The temporal model: a variational autoencoder over ten windows (Kingma, Welling: Auto-Encoding Variational Bayes, 2014).
 *
 * steps x features → 64 → latent 8 (mean and logarithm of the variance) → 64 → steps x features, on scaled features; what was
 * not measured is 0 at the input and no part of the error. The score is the weighted mean of the squared reconstruction errors, half of the weight on
 * the last window, which is the one being judged, plus a tenth of the mean divergence of the latent dimensions. The latent code
 * is its mean: the same input always has the same score. The contributions are the reconstruction's alone.
 */

/** What the autoencoder reads: so many windows of so many features, through a code of so many dimensions. */
export interface VaeShape {
  readonly steps: number;
  readonly features: number;
  readonly latent: number;
}

export const HIDDEN = 64;

/** Scaled features beyond this are no more abnormal; keeps squares within float32. */
export const LIMIT = 30;
/** Logarithms of variances are kept within ± this. */
export const LOG_VARIANCE_LIMIT = 8;
/** Part of the divergence in the score. */
export const KL_WEIGHT = 0.1;

/** The weight of each value in the error: those of the last window, which is judged, weigh as much as all before it. */
export function valueWeights({ steps, features }: VaeShape): Float32Array {
  const last = (steps - 1) * features;
  return Float32Array.from({ length: steps * features }, (_, i) => (i < last ? 1 : Math.max(1, steps - 1)));
}

/** The trained weights; a matrix is row-major, input x output. */
export interface VaeParameters extends Readonly<Record<LayerName, Layer>> {
  readonly shape: VaeShape;
}

export type LayerName = 'encode' | 'mean' | 'logVariance' | 'decode' | 'reconstruct';

export interface Layer {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** Inputs and outputs of each layer. */
export function layersOf({ steps, features, latent }: VaeShape): Record<LayerName, readonly [number, number]> {
  return {
    encode: [steps * features, HIDDEN],
    mean: [HIDDEN, latent],
    logVariance: [HIDDEN, latent],
    decode: [latent, HIDDEN],
    reconstruct: [HIDDEN, steps * features],
  };
}
