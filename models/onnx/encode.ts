/** Writes an ONNX model as protobuf, field numbers as in onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type AttributeValue, ELEMENT_TYPE, type Initializer, type Node, type ValueInfo } from './tensor-types.ts';

/** Opset 18 and IR 9 run in every ONNX Runtime since 1.14. */
const OPSET_VERSION = 18;
const IR_VERSION = 9;
const PRODUCER = 'vigia';

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, ints: 7 } as const;

export interface GraphParts {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

type Write = (writer: BinaryWriter) => void;

function message(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function integer(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function writeAttribute(writer: BinaryWriter, name: string, value: AttributeValue): void {
  text(writer, 1, name);
  if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    integer(writer, 20, ATTRIBUTE_TYPE.float);
  } else if ('int' in value) {
    integer(writer, 3, value.int);
    integer(writer, 20, ATTRIBUTE_TYPE.int);
  } else {
    for (const item of value.ints) integer(writer, 8, item);
    integer(writer, 20, ATTRIBUTE_TYPE.ints);
  }
}

function writeNode(writer: BinaryWriter, node: Node): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 3, node.name);
  text(writer, 4, node.operator);
  for (const [name, value] of Object.entries(node.attributes))
    message(writer, 5, (inner) => writeAttribute(inner, name, value));
}

function writeInitializer(writer: BinaryWriter, tensor: Initializer): void {
  for (const dim of tensor.dims) integer(writer, 1, dim);
  integer(writer, 2, ELEMENT_TYPE[tensor.type]);
  text(writer, 8, tensor.name);
  writer.tag(9, WireType.LengthDelimited).bytes(tensor.bytes);
}

function writeValue(writer: BinaryWriter, value: ValueInfo): void {
  text(writer, 1, value.name);
  // TypeProto.tensor_type: element type and shape.
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      integer(tensor, 1, ELEMENT_TYPE[value.type]);
      message(tensor, 2, (shape) => {
        for (const dim of value.dims)
          message(shape, 1, (dimension) =>
            typeof dim === 'number' ? integer(dimension, 1, dim) : text(dimension, 2, dim),
          );
      });
    }),
  );
}

function writeGraph(writer: BinaryWriter, graph: GraphParts): void {
  for (const node of graph.nodes) message(writer, 1, (inner) => writeNode(inner, node));
  text(writer, 2, graph.name);
  for (const tensor of graph.initializers) message(writer, 5, (inner) => writeInitializer(inner, tensor));
  for (const input of graph.inputs) message(writer, 11, (inner) => writeValue(inner, input));
  for (const output of graph.outputs) message(writer, 12, (inner) => writeValue(inner, output));
}

/** The bytes of a ModelProto that holds `graph`; nothing in them depends on the time or the machine. */
export function encodeModel(graph: GraphParts): Uint8Array {
  const writer = new BinaryWriter();
  integer(writer, 1, IR_VERSION);
  text(writer, 2, PRODUCER);
  message(writer, 7, (inner) => writeGraph(inner, graph));
  message(writer, 8, (opset) => {
    text(opset, 1, '');
    integer(opset, 2, OPSET_VERSION);
  });
  return writer.finish();
}
