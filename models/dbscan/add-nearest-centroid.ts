/** The search for the nearest centroid as nodes of an ONNX graph. */
import type { Graph } from '../onnx/graph.ts';
import type { Centroid } from './centroids.ts';

/** Centroids that come so near in the fast distances are measured exactly: rounding may have swapped the first ones. */
const CANDIDATES = 4;

/**
 * Appends the nodes that find, for each row of `z` [N, features] where `mask` [N, features] is 1, the centroid at the smallest distance in
 * units of its spread: `nearest` [N] int64, and `squares` [N, features], the squared distance to it in each feature.
 *
 * All distances come from three matrix products, which is fast but loses digits by cancellation; the best few are then
 * computed as they are.
 */
export function addNearestCentroid(
  graph: Graph,
  z: string,
  mask: string,
  centroids: readonly Centroid[],
): { nearest: string; squares: string } {
  const width = centroids[0]?.center.length ?? 0;
  const candidates = graph.smallest(fastDistances(graph, z, mask, centroids), Math.min(CANDIDATES, centroids.length));
  const table = [centroids.length, width];
  const centers = graph.floats(
    table,
    centroids.flatMap(({ center }) => [...center]),
  );
  const inverses = graph.floats(
    [centroids.length, 1],
    centroids.map(({ spread }) => 1 / spread),
  );
  const middle = graph.integers([1], [1]);
  const rows = graph.node('Unsqueeze', [z, middle]);
  const masks = graph.node('Unsqueeze', [mask, middle]);
  const difference = graph.node('Sub', [rows, graph.node('Gather', [centers, candidates])]);
  const inverse = graph.node('Gather', [inverses, candidates]);
  const distance = graph.node('Mul', [graph.node('Mul', [difference, inverse]), masks]);
  const squares = graph.node('Mul', [distance, distance]); // [N, candidates, features]
  const sums = graph.node('ReduceSum', [squares, graph.integers([1], [2])], { keepdims: { int: 0 } });
  const best = graph.node('ArgMin', [sums], { axis: { int: 1 }, keepdims: { int: 1 } }); // [N, 1]
  return {
    nearest: graph.node('Squeeze', [graph.node('GatherElements', [candidates, best], { axis: { int: 1 } }), middle]),
    squares: graph.node('GatherND', [squares, best], { batch_dims: { int: 1 } }),
  };
}

/** [N, centroids]: the squared distances as z²·w − 2·z·c·w + m·c²·w, with w = 1 / spread². */
function fastDistances(graph: Graph, z: string, mask: string, centroids: readonly Centroid[]): string {
  const width = centroids[0]?.center.length ?? 0;
  const product = (rows: string, value: (center: number, inverse: number) => number): string => {
    const weights = Array.from({ length: width }, (_, i) =>
      centroids.map(({ center, spread }) => value(center[i] as number, 1 / spread)),
    ).flat();
    return graph.node('MatMul', [rows, graph.floats([width, centroids.length], weights)]);
  };
  const square = product(graph.node('Mul', [z, z]), (_, inverse) => inverse ** 2);
  const mixed = product(z, (center, inverse) => -2 * center * inverse ** 2);
  const constant = product(mask, (center, inverse) => (center * inverse) ** 2);
  return graph.node('Add', [graph.node('Add', [square, mixed]), constant]);
}
