/** The temporal model in plain TypeScript; its ONNX must agree with it. */
import type { FeatureBaseline } from '../../contract/manifest.ts';
import { FEATURE_COUNT } from '../features.ts';
import type { ModelOutputs } from '../model-outputs.ts';
import { clip } from '../scaling/clip.ts';
import { scaleRows, scalerOf } from '../scaling/scaler.ts';
import {
  INPUT,
  KL_WEIGHT,
  LATENT,
  type Layer,
  LIMIT,
  LOG_VARIANCE_LIMIT,
  STEP_WEIGHTS,
  type VaeParameters,
} from './network.ts';

/** @param sequences raw features, n x 10 x 11, NaN where not measured */
export function scoreVae(
  parameters: VaeParameters,
  baseline: readonly FeatureBaseline[],
  sequences: Float32Array,
): ModelOutputs {
  const count = sequences.length / INPUT;
  const { scaled, mask } = scaleRows(sequences, scalerOf(baseline));
  const score = new Float32Array(count);
  const contribution = new Float32Array(count * FEATURE_COUNT);
  for (let row = 0; row < count; row++) {
    const from = row * INPUT;
    const input = Float64Array.from(scaled.subarray(from, from + INPUT), (value) => clip(value, LIMIT));
    const hidden = relu(dense(parameters.encode, input));
    const mean = dense(parameters.mean, hidden);
    const logVariance = dense(parameters.logVariance, hidden).map((value) => clip(value, LOG_VARIANCE_LIMIT));
    const output = dense(parameters.reconstruct, relu(dense(parameters.decode, mean)));
    let [error, weight] = [0, 0];
    for (let i = 0; i < INPUT; i++) {
      const share = (STEP_WEIGHTS[Math.floor(i / FEATURE_COUNT)] as number) * (mask[from + i] as number);
      const squared = share * ((output[i] as number) - (input[i] as number)) ** 2;
      error += squared;
      weight += share;
      contribution[row * FEATURE_COUNT + (i % FEATURE_COUNT)]! += squared;
    }
    score[row] = error / Math.max(1, weight) + (KL_WEIGHT * divergence(mean, logVariance)) / LATENT;
  }
  return { score, contribution };
}

/** Kullback–Leibler divergence of the latent code from the standard normal, summed over its dimensions. */
function divergence(mean: Float64Array, logVariance: Float64Array): number {
  return mean.reduce((sum, mu, i) => {
    const log = logVariance[i] as number;
    return sum + 0.5 * (mu * mu + Math.exp(log) - 1 - log);
  }, 0);
}

function dense({ weights, bias }: Layer, input: Float64Array): Float64Array {
  const width = bias.length;
  const output = Float64Array.from(bias);
  for (let i = 0; i < input.length; i++) {
    const value = input[i] as number;
    if (value !== 0) for (let j = 0; j < width; j++) output[j]! += value * (weights[i * width + j] as number);
  }
  return output;
}

const relu = (values: Float64Array): Float64Array => values.map((value) => Math.max(0, value));
