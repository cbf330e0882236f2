/** The temporal model as an ONNX graph. */
import { SEQUENCE_LENGTH } from '../../contract/features.ts';
import type { FeatureBaseline } from '../../contract/manifest.ts';
import { FEATURE_COUNT } from '../features.ts';
import { Graph } from '../onnx/graph.ts';
import { addScaling } from '../scaling/add-scaling.ts';
import { addClip } from '../scaling/clip.ts';
import {
  INPUT,
  KL_WEIGHT,
  LATENT,
  LAYERS,
  LIMIT,
  LOG_VARIANCE_LIMIT,
  STEP_WEIGHTS,
  type VaeParameters,
} from './network.ts';

/** Input `sequences` [N, 10, 11] raw, NaN where not measured; outputs `score` [N] and `contribution` [N, 11]. */
export function vaeToOnnx(parameters: VaeParameters, baseline: readonly FeatureBaseline[]): Uint8Array {
  const graph = new Graph('vae');
  const sequences = graph.input('sequences', ['N', SEQUENCE_LENGTH, FEATURE_COUNT]);
  const { scaled, mask } = addScaling(graph, sequences, baseline);
  const flat = graph.integers([2], [-1, INPUT]);
  const input = graph.node('Reshape', [addClip(graph, scaled, LIMIT), flat]);
  const dense = (name: keyof VaeParameters, value: string): string =>
    graph.node('Gemm', [
      value,
      graph.floats(LAYERS[name], parameters[name].weights),
      graph.floats([LAYERS[name][1]], parameters[name].bias),
    ]);
  const hidden = graph.node('Relu', [dense('encode', input)]);
  const mean = dense('mean', hidden);
  const logVariance = addClip(graph, dense('logVariance', hidden), LOG_VARIANCE_LIMIT);
  const output = dense('reconstruct', graph.node('Relu', [dense('decode', mean)]));

  const weights = STEP_WEIGHTS.flatMap((weight) => Array.from({ length: FEATURE_COUNT }, () => weight));
  const share = graph.node('Mul', [graph.node('Reshape', [mask, flat]), graph.floats([INPUT], weights)]);
  const difference = graph.node('Sub', [output, input]);
  const squares = graph.node('Mul', [graph.node('Mul', [difference, difference]), share]);
  const sum = (value: string, axis: number): string =>
    graph.node('ReduceSum', [value, graph.integers([1], [axis])], { keepdims: { int: 0 } });
  const error = graph.node('Div', [sum(squares, 1), graph.node('Max', [sum(share, 1), graph.scalar(1)])]);
  const latent = graph.node('Sub', [
    graph.node('Add', [graph.node('Mul', [mean, mean]), graph.node('Exp', [logVariance])]),
    graph.node('Add', [logVariance, graph.scalar(1)]),
  ]);
  const divergence = graph.node('Mul', [sum(latent, 1), graph.scalar((0.5 * KL_WEIGHT) / LATENT)]);
  graph.output('score', ['N'], graph.node('Add', [error, divergence]));
  const steps = graph.node('Reshape', [squares, graph.integers([3], [-1, SEQUENCE_LENGTH, FEATURE_COUNT])]);
  graph.output('contribution', ['N', FEATURE_COUNT], sum(steps, 1));
  return graph.toModel();
}
