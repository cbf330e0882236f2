/**
 * The bulk body of `POST /detect`: windows by columns instead of by rows. A body is
 *   1. the length of the header in bytes, 32 bits, little endian;
 *   2. the header, JSON in UTF-8: what is text, and what stands in which column;
 *   3. the columns, one after another without a gap, in the order of the header: those of the windows, of their sources, of
 *      the scanners of their recent views.
 * Network windows stand in columns. Any other, and a network window that does not fit them, stands whole in `rest`.
 */
import * as z from 'zod';
import { networkMeasurements, recent, source } from '../network-window.ts';
import { COLUMN_TYPES, type ColumnHead } from './column.ts';

export const COLUMNS_MEDIA_TYPE = 'application/vnd.vigia.columns';
export const COLUMNS_FORMAT = 1;
/** Bytes of the length of the header. */
export const PREFIX_BYTES = 4;

type NumbersOf<T> = Exclude<Extract<keyof T, string>, 'sources' | 'recent' | 'scanners' | 'ip'>;

/** The measurements that are numbers, in the order of the schema: each is a column of its name. */
export const MEASUREMENTS = numbersOf(networkMeasurements);
/** Beside `address`, the place of the address in `addresses`. */
export const SOURCE_NUMBERS = numbersOf(source.shape);
/** Columns of the windows, as `recent.over_s`; a window without `recent` has no `recent.over_s`. */
export const RECENT_NUMBERS = numbersOf(recent.shape);
export const SCANNER_NUMBERS = numbersOf(recent.shape.scanners.element.shape);

function numbersOf<T extends object>(shape: T): NumbersOf<T>[] {
  const isNumber = (name: string): boolean => !['sources', 'recent', 'scanners', 'ip'].includes(name);
  return Object.keys(shape).filter((name): name is NumbersOf<T> => isNumber(name));
}

/** Every column of the first table. */
export const WINDOW_COLUMNS: readonly string[] = [
  'series',
  'start_ms',
  'duration_s',
  ...MEASUREMENTS,
  'sources',
  ...RECENT_NUMBERS.map((name) => `recent.${name}`),
  'recent.scanners',
];

const columnHead: z.ZodType<ColumnHead> = z.tuple([z.string(), z.union([z.enum(COLUMN_TYPES), z.number(), z.null()])]);

export const columnsHeader = z.looseObject({
  format: z.literal(COLUMNS_FORMAT),
  /** Of the windows in columns, in order. */
  ids: z.array(z.string()),
  /** So many of all windows, the last ones, are context. */
  context: z.int().nonnegative(),
  /** Host, group and interface, told by the column `series`. */
  series: z.array(z.tuple([z.string(), z.string(), z.string()])),
  addresses: z.array(z.string()),
  columns: z.array(columnHead),
  sources: z.array(columnHead),
  scanners: z.array(columnHead),
  /** Windows as in JSON, each with its place among all windows; ascending. */
  rest: z.array(z.tuple([z.int().nonnegative(), z.unknown()])),
});
export type ColumnsHeader = z.output<typeof columnsHeader>;

/** A body that is no bulk body, or contradicts itself. */
export class ColumnsError extends Error {
  override readonly name = 'ColumnsError';
  /** What is wrong, such as `columns[3]` of the header or `windows[17].sources`. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}
