/** The temporal model as an ONNX graph. */
import { Graph } from '../onnx/graph.ts';
import { addScaling } from '../scaling/add-scaling.ts';
import { addClip } from '../scaling/clip.ts';
import type { FeatureScale } from '../scaling/scaler.ts';
import {
  KL_WEIGHT,
  type LayerName,
  LIMIT,
  LOG_VARIANCE_LIMIT,
  layersOf,
  type VaeParameters,
  valueWeights,
} from './network.ts';

/** Input `sequences` [N, steps, features] raw, NaN where not measured; outputs `score` [N], `contribution` [N, features], `step_error` [N, steps, features]. */
export function vaeToOnnx(parameters: VaeParameters, baseline: readonly FeatureScale[]): Uint8Array {
  const { steps, features, latent } = parameters.shape;
  const size = steps * features;
  const layers = layersOf(parameters.shape);
  const graph = new Graph('vae');
  const sequences = graph.input('sequences', ['N', steps, features]);
  // Each sequence as one long row: constants of that length are ten times as quick to apply as those of a single window.
  const flat = graph.node('Reshape', [sequences, graph.integers([2], [-1, size])]);
  const { scaled, mask } = addScaling(graph, flat, Array.from({ length: steps }, () => baseline).flat());
  const input = addClip(graph, scaled, LIMIT);
  const dense = (name: LayerName, value: string): string =>
    graph.node('Gemm', [
      value,
      graph.floats(layers[name], parameters[name].weights),
      graph.floats([layers[name][1]], parameters[name].bias),
    ]);
  const hidden = graph.node('Relu', [dense('encode', input)]);
  const mean = dense('mean', hidden);
  const logVariance = addClip(graph, dense('logVariance', hidden), LOG_VARIANCE_LIMIT);
  const output = dense('reconstruct', graph.node('Relu', [dense('decode', mean)]));

  const weights = graph.floats([size], valueWeights(parameters.shape));
  const share = graph.node('Mul', [mask, weights]);
  const difference = graph.node('Sub', [output, input]);
  const unweighted = graph.node('Mul', [graph.node('Mul', [difference, difference]), mask]);
  const squares = graph.node('Mul', [unweighted, weights]);
  const sum = (value: string, axis: number): string =>
    graph.node('ReduceSum', [value, graph.integers([1], [axis])], { keepdims: { int: 0 } });
  const error = graph.node('Div', [sum(squares, 1), graph.node('Max', [sum(share, 1), graph.scalar(1)])]);
  const perDimension = graph.node('Sub', [
    graph.node('Add', [graph.node('Mul', [mean, mean]), graph.node('Exp', [logVariance])]),
    graph.node('Add', [logVariance, graph.scalar(1)]),
  ]);
  const divergence = graph.node('Mul', [sum(perDimension, 1), graph.scalar((0.5 * KL_WEIGHT) / latent)]);
  graph.output('score', ['N'], graph.node('Add', [error, divergence]));
  const bySteps = graph.integers([3], [-1, steps, features]);
  graph.output('contribution', ['N', features], sum(graph.node('Reshape', [squares, bySteps]), 1));
  graph.output('step_error', ['N', steps, features], graph.node('Reshape', [unweighted, bySteps]));
  return graph.toModel();
}
