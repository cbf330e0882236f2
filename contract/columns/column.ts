/** One column of numbers in a bulk body: as narrow as its values allow, little endian, or a constant that takes no room. */

/** Unsigned integers hold neither NULL nor ABSENT. */
export const COLUMN_TYPES = ['u8', 'u16', 'u32', 'f32', 'f64'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];
/** Bytes of one value. */
export const WIDTHS: Readonly<Record<ColumnType, number>> = { u8: 1, u16: 2, u32: 4, f32: 4, f64: 8 };

/** What stands for a value that a window has as null, and for one that it does not have: no measurement is either of them. */
export const NULL = Number.NaN;
export const ABSENT = Number.NEGATIVE_INFINITY;

/** The measurement that a value of a column stands for. One that breaks the schema stays as it is. */
export function measuredOf(value: number = ABSENT): number | null | undefined {
  if (value >= 0) return value;
  if (value === ABSENT) return undefined;
  return Number.isNaN(value) ? null : value;
}

/** A name and the type of the values, or the one value that all have; null is that of `NULL`. */
export type ColumnHead = readonly [name: string, typeOrConstant: ColumnType | number | null];

/** Null where all are `ABSENT`: no column says the same. `-0` becomes 0. */
export function headOf(name: string, values: readonly number[]): ColumnHead | null {
  const [first = ABSENT] = values;
  if (values.every((value) => Object.is(value, first))) return first === ABSENT ? null : [name, constant(first)];
  return [name, narrowest(values)];
}

const constant = (value: number): number | null => (Number.isNaN(value) ? null : value);

function narrowest(values: readonly number[]): ColumnType {
  let most = 0;
  let areIntegers = true;
  let areSingles = true;
  for (const value of values) {
    if (value > most) most = value;
    areIntegers &&= Number.isInteger(value) && value >= 0;
    areSingles &&= Object.is(Math.fround(value), value);
  }
  if (areIntegers && most < 2 ** 32) return most < 2 ** 8 ? 'u8' : most < 2 ** 16 ? 'u16' : 'u32';
  return areSingles ? 'f32' : 'f64';
}

/** Writes `values` from byte `at` on. */
export function writeColumn(view: DataView, at: number, type: ColumnType, values: readonly number[]): void {
  const width = WIDTHS[type];
  for (const [i, value] of values.entries()) {
    const byte = at + i * width;
    if (type === 'u8') view.setUint8(byte, value);
    else if (type === 'u16') view.setUint16(byte, value, true);
    else if (type === 'u32') view.setUint32(byte, value, true);
    else if (type === 'f32') view.setFloat32(byte, value, true);
    else view.setFloat64(byte, value, true);
  }
}

/** Reads `count` values from byte `at` on, which must lie within the view. */
export function readColumn(view: DataView, at: number, type: ColumnType, count: number): Float64Array {
  const values = new Float64Array(count);
  switch (type) {
    case 'u8':
      for (let i = 0; i < count; i++) values[i] = view.getUint8(at + i);
      break;
    case 'u16':
      for (let i = 0; i < count; i++) values[i] = view.getUint16(at + 2 * i, true);
      break;
    case 'u32':
      for (let i = 0; i < count; i++) values[i] = view.getUint32(at + 4 * i, true);
      break;
    case 'f32':
      for (let i = 0; i < count; i++) values[i] = view.getFloat32(at + 4 * i, true);
      break;
    case 'f64':
      for (let i = 0; i < count; i++) values[i] = view.getFloat64(at + 8 * i, true);
      break;
  }
  return values;
}
