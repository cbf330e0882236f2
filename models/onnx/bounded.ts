/**
 * Whether running a graph is bounded, told from its shapes before anything runs: a loop or a tensor of many gigabytes would
 * end or hang the process, which no limit of time can stop within WebAssembly.
 */
import { ForeignModelError } from './decode.ts';
import type { GraphParts } from './encode.ts';
import { OUTPUT_SHAPES, type Shape } from './output-shapes.ts';
import { BYTES_PER_ELEMENT, type Initializer } from './tensor-types.ts';

const MAX_NODES = 256;
const MAX_RANK = 8;
/** Of all values of a run together; ours have less than a tenth. */
const MAX_ELEMENTS = 64e6;
/** Multiplications of all matrix products of a run together. */
const MAX_PRODUCTS = 4e9;

/**
 * @param rows the most rows that a run is given
 * @throws ForeignModelError where an operator is none of ours, a shape is not told by the graph alone, or a run would be too large
 */
export function requireBounded(graph: GraphParts, rows: number): void {
  const { nodes, initializers, inputs } = graph;
  if (nodes.length > MAX_NODES)
    throw new ForeignModelError(`it has ${nodes.length} nodes, ours have ${MAX_NODES} at most`);
  const shapes = new Map<string, Shape>();
  const constants = new Map<string, readonly number[]>();
  for (const { name, dims } of inputs)
    shapes.set(
      name,
      dims.map((dim) => (typeof dim === 'string' ? rows : dim)),
    );
  for (const tensor of initializers) {
    requireWhole(tensor);
    shapes.set(tensor.name, tensor.dims);
    if (tensor.type === 'int64' && tensor.dims.length <= 1) constants.set(tensor.name, integersOf(tensor));
  }
  let [elements, products] = [0, 0];
  for (const node of nodes) {
    const { operator, outputs } = node;
    const known = Object.hasOwn(OUTPUT_SHAPES, operator) ? OUTPUT_SHAPES[operator] : undefined;
    const what = `its node ${operator.slice(0, 64)}`;
    if (known === undefined) throw new ForeignModelError(`${what} is of an operator that none of ours has`);
    const given = node.inputs.map((input) => shapes.get(input));
    const whole = given.filter((shape) => shape !== undefined);
    if (whole.length !== given.length) throw new ForeignModelError(`${what} takes a value that is not there`);
    const answer = known({ node, inputs: whole, constant: (index) => constants.get(node.inputs[index] ?? '') });
    if (answer === null)
      throw new ForeignModelError(`${what} has shapes that do not fit, or that the graph does not tell`);
    for (const output of outputs) shapes.set(output, answer.shape);
    if (answer.shape.length > MAX_RANK) throw new ForeignModelError(`${what} gives more than ${MAX_RANK} dimensions`);
    elements += sizeOf(answer.shape) * outputs.length;
    products += answer.products ?? 0;
    if (!(elements <= MAX_ELEMENTS && products <= MAX_PRODUCTS))
      throw new ForeignModelError(`${what} makes a run of ${rows} rows larger than any of ours`);
  }
}

function requireWhole({ name, type, dims, bytes }: Initializer): void {
  if (
    dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) &&
    sizeOf(dims) * BYTES_PER_ELEMENT[type] === bytes.length
  )
    return;
  throw new ForeignModelError(
    `its tensor ${name.slice(0, 64)} has ${bytes.length} bytes for the shape [${dims.slice(0, 8)}]`,
  );
}

function integersOf({ bytes }: Initializer): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dim) => product * dim, 1);
}
