/** The operators that our graphs are made of, with the shape that each gives (https://onnx.ai/onnx/operators). */
import type { Node } from './tensor-types.ts';

export type Shape = readonly number[];

export interface Call {
  readonly node: Node;
  readonly inputs: readonly Shape[];
  /** The integers of an input that is a constant of the graph. */
  readonly constant: (index: number) => readonly number[] | undefined;
}

/** `products`: multiplications of a matrix product. Null where the shapes do not fit, or depend on values. */
export type Answer = { readonly shape: Shape; readonly products?: number } | null;

type Rule = (call: Call) => Answer;

const product = (dims: Shape): number => dims.reduce((size, dim) => size * dim, 1);
const given = (shape: Shape | undefined): Answer => (shape === undefined ? null : { shape });

const same: Rule = ({ inputs }) => given(inputs[0]);

const broadcast: Rule = ({ inputs }) => given(broadcastOf(inputs));

function broadcastOf(shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => Math.max(...shapes.map((shape) => shape.at(i - rank) ?? 1)));
}

const matMul: Rule = ({ inputs: [a = [], b = []] }) => {
  const [rows, depth, columns] = [a.at(-2), a.at(-1), b.at(-1)];
  if (rows === undefined || depth === undefined || columns === undefined || b.at(-2) !== depth) return null;
  const shape = [...broadcastOf([a.slice(0, -2), b.slice(0, -2)]), rows, columns];
  return { shape, products: product(shape) * depth };
};

/** Axes from 0; null where one is outside. */
function axesOf(axes: readonly number[], rank: number): number[] | null {
  const all = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  return all.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank) ? all : null;
}

const integerOf = ({ attributes }: Node, name: string, fallback: number): number => {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return value !== undefined && 'int' in value ? value.int : fallback;
};

function without(shape: Shape, axes: readonly number[] | undefined, node: Node): Answer {
  const removed = axes && axesOf(axes, shape.length);
  if (!removed) return null;
  if (integerOf(node, 'keepdims', 1) !== 0) return { shape: shape.map((dim, i) => (removed.includes(i) ? 1 : dim)) };
  return { shape: shape.filter((_, i) => !removed.includes(i)) };
}

const reduce: Rule = ({ node, inputs: [shape = []], constant }) => without(shape, constant(1), node);

const reshape: Rule = ({ inputs: [shape = []], constant }) => {
  const wanted = constant(1);
  if (wanted === undefined || wanted.some((dim) => dim < -1)) return null;
  const dims = wanted.map((dim, i) => (dim === 0 ? (shape[i] ?? 0) : dim));
  const rest = product(dims.filter((dim) => dim !== -1));
  const filled = dims.map((dim) => (dim === -1 ? product(shape) / rest : dim));
  return product(filled) === product(shape) && filled.every(Number.isInteger) ? { shape: filled } : null;
};

const unsqueeze: Rule = ({ inputs: [shape = []], constant }) => {
  const wanted = constant(1);
  const axes = wanted && axesOf(wanted, shape.length + wanted.length);
  if (!axes || new Set(axes).size !== axes.length) return null;
  const rest = [...shape];
  return {
    shape: Array.from({ length: shape.length + axes.length }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() ?? 1))),
  };
};

const squeeze: Rule = ({ inputs: [shape = []], constant }) => {
  const axes = axesOf(constant(1) ?? [-Infinity], shape.length);
  return axes && { shape: shape.filter((_, i) => !axes.includes(i)) };
};

const gather: Rule = ({ node, inputs: [data = [], indices = []] }) => {
  const [axis] = axesOf([integerOf(node, 'axis', 0)], data.length) ?? [];
  return axis === undefined ? null : { shape: [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)] };
};

const gatherNd: Rule = ({ node, inputs: [data = [], indices = []] }) => {
  const skipped = integerOf(node, 'batch_dims', 0) + (indices.at(-1) ?? Number.NaN);
  return skipped <= data.length ? { shape: [...indices.slice(0, -1), ...data.slice(skipped)] } : null;
};

const topK: Rule = ({ inputs: [shape = []], constant }) => {
  const [count] = constant(1) ?? [];
  const last = shape.at(-1);
  return count === undefined || last === undefined || !(count >= 0 && count <= last)
    ? null
    : { shape: [...shape.slice(0, -1), count] };
};

export const OUTPUT_SHAPES: Readonly<Record<string, Rule>> = {
  Abs: same,
  Cast: same,
  Clip: same,
  Exp: same,
  Identity: same,
  IsNaN: same,
  Log: same,
  Relu: same,
  Softmax: same,
  Sqrt: same,
  Add: broadcast,
  Div: broadcast,
  Max: broadcast,
  Mul: broadcast,
  Sub: broadcast,
  Where: broadcast,
  Gemm: ({ inputs: [a, b], node }) =>
    a?.length === 2 && b?.length === 2 && Object.keys(node.attributes).length === 0
      ? matMul({ inputs: [a, b], node, constant: () => undefined })
      : null,
  MatMul: matMul,
  ReduceMax: reduce,
  ReduceSum: reduce,
  ArgMin: ({ node, inputs: [shape = []] }) => without(shape, [integerOf(node, 'axis', 0)], node),
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Gather: gather,
  GatherElements: ({ inputs }) => given(inputs[1]),
  GatherND: gatherNd,
  TopK: topK,
};
