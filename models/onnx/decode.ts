/** Reads an ONNX model as `encode.ts` writes it, and refuses whatever else the format allows. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { GraphParts } from './encode.ts';
import type { Initializer, Node, ValueInfo } from './tensor-types.ts';
import { type AttributeValue, type Dimension, ELEMENT_TYPE, type ElementType } from './tensor-types.ts';

/** Of a whole model; ours have less than a tenth. */
const MAX_FIELDS = 20_000;

/** A model that is none of ours: broken, or with parts that ours never have, such as subgraphs, functions or data outside the file. */
export class ForeignModelError extends Error {
  override readonly name = 'ForeignModelError';
}

type Field = (reader: BinaryReader) => void;
/** Field number → its wire type and what to do with it. */
type Fields = Readonly<Record<number, readonly [WireType, Field]>>;

/** Reads messages of one model; a field that is not named is refused. */
class Reading {
  #fields = 0;

  message(bytes: Uint8Array, what: string, fields: Fields): void {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const [expected, read] = fields[number] ?? [];
      if (read === undefined || expected !== wireType)
        throw new ForeignModelError(`its ${what} has field ${number}, which none of ours has`);
      if (++this.#fields > MAX_FIELDS) throw new ForeignModelError(`it has more than ${MAX_FIELDS} fields`);
      read(reader);
    }
  }
}

const text = (take: (value: string) => void): [WireType, Field] => [
  WireType.LengthDelimited,
  (reader) => take(reader.string()),
];
const inner = (take: (value: Uint8Array) => void): [WireType, Field] => [
  WireType.LengthDelimited,
  (reader) => take(reader.bytes()),
];
const integer = (take: (value: number) => void): [WireType, Field] => [
  WireType.Varint,
  (reader) => take(Number(reader.int64())),
];

const TYPES = ['float', 'int64', 'bool'] as const satisfies ElementType[];

function elementType(number: number): ElementType {
  const type = TYPES.find((name) => ELEMENT_TYPE[name] === number);
  if (type !== undefined) return type;
  throw new ForeignModelError(`it has a tensor of type ${number}, and ours are of float, int64 and bool`);
}

function readAttribute(reading: Reading, bytes: Uint8Array): [string, AttributeValue] {
  let name = '';
  let value: AttributeValue = { ints: [] };
  const ints: number[] = [];
  reading.message(bytes, 'attribute', {
    1: text((given) => (name = given)),
    2: [WireType.Bit32, (reader) => (value = { float: reader.float() })],
    3: integer((int) => (value = { int })),
    8: integer((int) => {
      ints.push(int);
      value = { ints };
    }),
    20: integer(() => {}),
  });
  return [name, value];
}

function readNode(reading: Reading, bytes: Uint8Array): Node {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, AttributeValue>();
  let [name, operator] = ['', ''];
  reading.message(bytes, 'node', {
    1: text((input) => inputs.push(input)),
    2: text((output) => outputs.push(output)),
    3: text((given) => (name = given)),
    4: text((given) => (operator = given)),
    5: inner((attribute) => attributes.set(...readAttribute(reading, attribute))),
  });
  return { name, operator, inputs, outputs, attributes: Object.fromEntries(attributes) };
}

function readInitializer(reading: Reading, bytes: Uint8Array): Initializer {
  const dims: number[] = [];
  let name = '';
  let type: ElementType = 'float';
  let data = new Uint8Array();
  reading.message(bytes, 'tensor', {
    1: integer((dim) => dims.push(dim)),
    2: integer((number) => (type = elementType(number))),
    8: text((given) => (name = given)),
    9: inner((given) => (data = new Uint8Array(given))),
  });
  return { name, type, dims, bytes: data };
}

function readValue(reading: Reading, bytes: Uint8Array): ValueInfo {
  const dims: Dimension[] = [];
  let name = '';
  let type: ElementType = 'float';
  const dimension: Fields = { 1: integer((length) => dims.push(length)), 2: text((symbol) => dims.push(symbol)) };
  const shape: Fields = { 1: inner((given) => reading.message(given, 'dimension', dimension)) };
  const tensor: Fields = {
    1: integer((number) => (type = elementType(number))),
    2: inner((given) => reading.message(given, 'shape', shape)),
  };
  reading.message(bytes, 'value', {
    1: text((given) => (name = given)),
    2: inner((given) =>
      reading.message(given, 'type', { 1: inner((of) => reading.message(of, 'tensor type', tensor)) }),
    ),
  });
  return { name, type, dims };
}

/**
 * The graph of a ModelProto.
 * @throws ForeignModelError
 */
export function decodeModel(bytes: Uint8Array): GraphParts {
  const reading = new Reading();
  const nodes: Node[] = [];
  const initializers: Initializer[] = [];
  const [inputs, outputs]: [ValueInfo[], ValueInfo[]] = [[], []];
  let name = '';
  const graph: Fields = {
    1: inner((node) => nodes.push(readNode(reading, node))),
    2: text((given) => (name = given)),
    5: inner((tensor) => initializers.push(readInitializer(reading, tensor))),
    11: inner((value) => inputs.push(readValue(reading, value))),
    12: inner((value) => outputs.push(readValue(reading, value))),
  };
  const opset: Fields = { 1: text(requireDefaultDomain), 2: integer(() => {}) };
  try {
    reading.message(bytes, 'model', {
      1: integer(() => {}),
      2: text(() => {}),
      7: inner((given) => reading.message(given, 'graph', graph)),
      8: inner((given) => reading.message(given, 'operator set', opset)),
    });
  } catch (cause) {
    if (cause instanceof ForeignModelError) throw cause;
    throw new ForeignModelError('it is no ONNX model', { cause }); // what the reader of protobuf says of broken bytes
  }
  return { name, nodes, initializers, inputs, outputs };
}

function requireDefaultDomain(domain: string): void {
  if (domain !== '') throw new ForeignModelError(`it uses operators of ${JSON.stringify(domain.slice(0, 64))}`);
}
