/** The username classifier as an ONNX graph, for runtimes elsewhere. */
import { Graph } from '../onnx/graph.ts';
import { CLASSES } from './classes.ts';
import { WIDTH } from './features.ts';

/**
 * Input `features` [N, WIDTH] float32 as `usernameFeatures` makes them; output `probabilities` [N, 4] in the order of `CLASSES`.
 * @param weights WIDTH x classes, row-major, divided by the temperature
 */
export function usernameOnnx(weights: Float32Array): Uint8Array {
  const graph = new Graph('username');
  const features = graph.input('features', ['N', WIDTH]);
  const logits = graph.node('MatMul', [features, graph.floats([WIDTH, CLASSES.length], weights)]);
  graph.output('probabilities', ['N', CLASSES.length], graph.node('Softmax', [logits], { axis: { int: 1 } }));
  return graph.toModel();
}
