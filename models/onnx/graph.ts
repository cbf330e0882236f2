/** Builds an ONNX graph node by node; names are given in order, so that the same calls make the same bytes. */
import { encodeModel } from './encode.ts';
import {
  type AttributeValue,
  type Dimension,
  type ElementType,
  type Initializer,
  initializerBytes,
  type Node,
  type ValueInfo,
} from './tensor-types.ts';

/**
 * A graph in the making. Every method that adds something returns the name of its value.
 *
 *     const graph = new Graph('double');
 *     const x = graph.input('x', ['N', 11]);
 *     graph.output('y', ['N', 11], graph.node('Mul', [x, graph.scalar(2)]));
 *     const bytes = graph.toModel();
 */
export class Graph {
  readonly name: string;
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  #values = 0;

  constructor(name: string) {
    this.name = name;
  }

  #nextName(kind: string): string {
    return `${kind}_${this.#values++}`;
  }

  /** A graph input; `dims` may name a symbolic batch dimension. */
  input(name: string, dims: readonly Dimension[], type: ElementType = 'float'): string {
    this.#inputs.push({ name, type, dims });
    return name;
  }

  /** Makes `value` a graph output under `name`. */
  output(name: string, dims: readonly Dimension[], value: string, type: ElementType = 'float'): void {
    this.#nodes.push({
      operator: 'Identity',
      name: `output_${name}`,
      inputs: [value],
      outputs: [name],
      attributes: {},
    });
    this.#outputs.push({ name, type, dims });
  }

  /** A float32 constant, row-major. */
  floats(dims: readonly number[], values: ArrayLike<number>): string {
    return this.#constant('float', dims, values);
  }

  /** An int64 constant. */
  integers(dims: readonly number[], values: ArrayLike<number>): string {
    return this.#constant('int64', dims, values);
  }

  /** A boolean constant; 0 is false. */
  booleans(dims: readonly number[], values: ArrayLike<number>): string {
    return this.#constant('bool', dims, values);
  }

  /** A float32 constant without dimensions. */
  scalar(value: number): string {
    return this.floats([], [value]);
  }

  #constant(type: ElementType, dims: readonly number[], values: ArrayLike<number>): string {
    const name = this.#nextName('constant');
    this.#initializers.push({ name, type, dims, bytes: initializerBytes(type, dims, values) });
    return name;
  }

  /** A node with one output. */
  node(operator: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    const name = this.#nextName(operator);
    this.#nodes.push({ operator, name, inputs, outputs: [name], attributes });
    return name;
  }

  /** `TopK` along the last axis: the indices (int64) of the `count` smallest values, the smallest first. */
  smallest(values: string, count: number): string {
    const name = this.#nextName('TopK');
    const [kept, indices] = [`${name}_values`, `${name}_indices`];
    const attributes = { largest: { int: 0 } };
    const inputs = [values, this.integers([1], [count])];
    this.#nodes.push({ operator: 'TopK', name, inputs, outputs: [kept, indices], attributes });
    return indices;
  }

  /** The whole model as the bytes of an .onnx file. */
  toModel(): Uint8Array {
    return encodeModel({
      name: this.name,
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#inputs,
      outputs: this.#outputs,
    });
  }
}
