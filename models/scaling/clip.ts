/** The range to which scaled features are cut before a model squares them, so that no float32 overflows. */
import type { Graph } from '../onnx/graph.ts';

/** Cuts to −limit … limit. */
export function clip(value: number, limit: number): number {
  return value > limit ? limit : value < -limit ? -limit : value;
}

/** The same as a node. */
export function addClip(graph: Graph, value: string, limit: number): string {
  return graph.node('Clip', [value, graph.scalar(-limit), graph.scalar(limit)]);
}
