/** Columns of equally many rows in a bulk body, read by name. */
import { ABSENT, type ColumnHead, NULL, readColumn, WIDTHS } from './column.ts';
import { ColumnsError } from './format.ts';

interface Bounds {
  readonly most?: number;
  /** NULL and ABSENT are within. */
  readonly isOptional?: boolean;
}

export class ColumnTable {
  readonly rows: number;
  /** Byte after its last column. */
  readonly end: number;
  /** Values in columns of other names, which are skipped. */
  readonly unknown: number;
  readonly #columns = new Map<string, Float64Array>();

  /**
   * @param path of `heads` in the header
   * @param known names of the columns that are read: others cost no memory
   * @param at byte at which the first column begins
   * @throws ColumnsError where a column ends beyond the body, or stands there twice
   */
  constructor(
    path: string,
    heads: readonly ColumnHead[],
    known: readonly string[],
    rows: number,
    view: DataView,
    at: number,
  ) {
    this.rows = rows;
    let end = at;
    let unknown = 0;
    for (const [i, [name, type]] of heads.entries()) {
      const begin = end;
      if (typeof type === 'string') end += WIDTHS[type] * rows;
      if (end > view.byteLength)
        throw new ColumnsError(`${path}[${i}]`, `ends at byte ${end} of a body of ${view.byteLength}`);
      if (!known.includes(name)) unknown += rows;
      else if (this.#columns.has(name)) throw new ColumnsError(`${path}[${i}]`, 'stands there twice');
      else
        this.#columns.set(
          name,
          typeof type === 'string' ? readColumn(view, begin, type, rows) : this.#all(type ?? NULL),
        );
    }
    this.end = end;
    this.unknown = unknown;
  }

  /** The values of a column; all ABSENT where there is none of the name. */
  column(name: string): Float64Array {
    return this.#columns.get(name) ?? this.#all(ABSENT);
  }

  /** Whether all values are from 0 to `most`. */
  isWithin(name: string, { most = Number.MAX_VALUE, isOptional = false }: Bounds = {}): boolean {
    return holdsForAll(
      this.column(name),
      (value) => (value >= 0 && value <= most) || (isOptional && (value === ABSENT || Number.isNaN(value))),
    );
  }

  /** Whether all values are places in a list of `length`. */
  isPlace(name: string, length: number): boolean {
    return holdsForAll(this.column(name), (value) => value >= 0 && value < length && Number.isInteger(value));
  }

  #all(value: number): Float64Array {
    return new Float64Array(this.rows).fill(value);
  }
}

/** As `every`, which V8 does not inline for typed arrays. */
export function holdsForAll(values: Float64Array, condition: (value: number, row: number) => boolean): boolean {
  for (let row = 0; row < values.length; row++) if (!condition(values[row] ?? 0, row)) return false;
  return true;
}
