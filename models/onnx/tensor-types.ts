/** What an ONNX graph is made of: tensors, values and nodes, with the element types that Vigía uses. */

/** Element types with their numbers in onnx.proto (`TensorProto.DataType`). */
export const ELEMENT_TYPE = { float: 1, int64: 7, bool: 9 } as const;
export type ElementType = keyof typeof ELEMENT_TYPE;

/** A dimension: a length, or the name of a symbolic one such as `N`. */
export type Dimension = number | string;

/** A constant of the graph; bytes are little-endian and row-major. */
export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** A named input or output of the graph. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly Dimension[];
}

export type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] };

export interface Node {
  readonly operator: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export const BYTES_PER_ELEMENT: Record<ElementType, number> = { float: 4, int64: 8, bool: 1 };

/**
 * Values as the bytes of an initializer, little-endian whatever the machine.
 * @throws RangeError where the number of values is not the product of the dimensions
 */
export function initializerBytes(type: ElementType, dims: readonly number[], values: ArrayLike<number>): Uint8Array {
  const expected = dims.reduce((product, dim) => product * dim, 1);
  if (expected !== values.length)
    throw new RangeError(
      `a tensor of shape [${dims.join()}] holds ${expected} values, but ${values.length} were given`,
    );
  const size = BYTES_PER_ELEMENT[type];
  const view = new DataView(new ArrayBuffer(values.length * size));
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (type === 'float') view.setFloat32(i * size, value, true);
    else if (type === 'int64') view.setBigInt64(i * size, BigInt(value), true);
    else view.setUint8(i, value === 0 ? 0 : 1);
  }
  return new Uint8Array(view.buffer);
}
