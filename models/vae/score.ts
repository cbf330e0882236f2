/** The temporal model in plain TypeScript; its ONNX must agree with it. */
import type { ModelOutputs } from '../model-outputs.ts';
import { clip } from '../scaling/clip.ts';
import { type FeatureScale, scaleRows, scalerOf } from '../scaling/scaler.ts';
import { KL_WEIGHT, type Layer, LIMIT, LOG_VARIANCE_LIMIT, type VaeParameters, valueWeights } from './network.ts';

/** @param sequences raw features, n x steps x features, NaN where not measured */
export function scoreVae(
  parameters: VaeParameters,
  baseline: readonly FeatureScale[],
  sequences: Float32Array,
): ModelOutputs {
  const { steps, features, latent } = parameters.shape;
  const size = steps * features;
  const weights = valueWeights(parameters.shape);
  const count = sequences.length / size;
  const { scaled, mask } = scaleRows(sequences, scalerOf(baseline));
  const score = new Float32Array(count);
  const contribution = new Float32Array(count * features);
  const stepError = new Float32Array(count * size);
  for (let row = 0; row < count; row++) {
    const from = row * size;
    const input = Float64Array.from(scaled.subarray(from, from + size), (value) => clip(value, LIMIT));
    const hidden = relu(dense(parameters.encode, input));
    const mean = dense(parameters.mean, hidden);
    const logVariance = dense(parameters.logVariance, hidden).map((value) => clip(value, LOG_VARIANCE_LIMIT));
    const output = dense(parameters.reconstruct, relu(dense(parameters.decode, mean)));
    let [error, weight] = [0, 0];
    for (let i = 0; i < size; i++) {
      const share = (weights[i] as number) * (mask[from + i] as number);
      const unweighted = (mask[from + i] as number) * ((output[i] as number) - (input[i] as number)) ** 2;
      const squared = (weights[i] as number) * unweighted;
      stepError[from + i] = unweighted;
      error += squared;
      weight += share;
      contribution[row * features + (i % features)]! += squared;
    }
    score[row] = error / Math.max(1, weight) + (KL_WEIGHT * divergence(mean, logVariance)) / latent;
  }
  return { score, contribution, stepError };
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
