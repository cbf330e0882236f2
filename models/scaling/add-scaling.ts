/** The scaling of `scaler.ts` as nodes of an ONNX graph. */
import type { Graph } from '../onnx/graph.ts';
import { type FeatureScale, scalerOf } from './scaler.ts';

/**
 * Appends the nodes that scale `rows`, a float value whose last dimension is the features, raw, NaN where not measured.
 * Returns the names of two values of the same shape: `scaled`, 0 where missing or inactive, and `mask` of 0 and 1.
 */
export function addScaling(
  graph: Graph,
  rows: string,
  baseline: readonly FeatureScale[],
): { scaled: string; mask: string } {
  const scaler = scalerOf(baseline);
  const features = [baseline.length];
  const missing = graph.node('IsNaN', [rows]);
  const measured = graph.node('Where', [missing, graph.scalar(0), rows]);
  const present = graph.node('Where', [missing, graph.scalar(0), graph.scalar(1)]);
  const mask = graph.node('Mul', [present, graph.floats(features, scaler.active)]);
  const relative = graph.node('Mul', [
    graph.node('Add', [measured, graph.scalar(1)]),
    graph.floats(features, scaler.gain),
  ]);
  const difference = graph.node('Sub', [measured, graph.floats(features, scaler.offset)]);
  const centered = graph.node('Where', [
    graph.booleans(features, scaler.log1p),
    graph.node('Log', [relative]),
    difference,
  ]);
  const all = graph.node('Mul', [centered, graph.floats(features, scaler.inverse)]);
  return { scaled: graph.node('Mul', [all, mask]), mask };
}
