/**
 * Reads the bulk body of `POST /detect`. Nothing is taken on trust: every length is held against the bytes that came. What the
 * schema says of values is asked of whole columns; a body that breaks it is read all the same, so that the validators can say where.
 */

import { address, type NetworkWindow, networkMeasurements, networkWindow } from '../network-window.ts';
import { fieldErrors } from '../problem.ts';
import { groupName, identity, label, measuredRatio, NAME } from '../quantity.ts';
import { ColumnTable } from './column-table.ts';
import {
  ColumnsError,
  type ColumnsHeader,
  columnsHeader,
  MEASUREMENTS,
  PREFIX_BYTES,
  RECENT_NUMBERS,
  WINDOW_COLUMNS,
} from './format.ts';
import { LAST_MS } from './instant-text.ts';
import { rowsOf } from './rows.ts';
import { sideTables } from './side-tables.ts';

/** A bulk body of which the header was read. */
export interface ColumnsBody {
  readonly header: ColumnsHeader;
  readonly view: DataView;
  /** Byte at which the first column begins. */
  readonly at: number;
  /** How many there are. Whoever goes on to read them has looked whether these are too many. */
  readonly windows: number;
  readonly context: number;
}

export type DecodedColumns = { readonly unknownFields: number } & (
  | { readonly isSound: true; readonly windows: NetworkWindow[]; readonly context: NetworkWindow[] }
  /** Some may break the schema, or did not stand in columns: to be validated as those of a JSON body are. */
  | { readonly isSound: false; readonly windows: unknown[]; readonly context: unknown[] }
);

const MAX_DURATION_S = networkWindow.shape.duration_s.maxValue ?? Number.MAX_VALUE;

/** @throws ColumnsError */
export function openColumns(bytes: Uint8Array): ColumnsBody {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = PREFIX_BYTES + (bytes.byteLength < PREFIX_BYTES ? 0 : view.getUint32(0, true));
  if (at === PREFIX_BYTES || at > bytes.byteLength)
    throw new ColumnsError('', 'must begin with the length of the header, 32 bits little endian, and the header');
  const checked = columnsHeader.safeParse(parsed(bytes.subarray(PREFIX_BYTES, at)));
  if (!checked.success) {
    const [first = { path: '', message: 'is not valid' }] = fieldErrors(checked.error, 1);
    throw new ColumnsError(first.path === '' ? 'header' : `header.${first.path}`, first.message);
  }
  const header = checked.data;
  const windows = header.ids.length + header.rest.length - header.context;
  if (windows < 1) throw new ColumnsError('windows', 'must hold at least one window');
  return { header, view, at, windows, context: header.context };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ColumnsError('header', `is no JSON in UTF-8: ${reason.slice(0, 200)}`, { cause });
  }
}

/**
 * Memory is bounded by the number of windows, whatever the body says of its columns.
 * @throws ColumnsError
 */
export function readColumns({ header, view, at, windows }: ColumnsBody): DecodedColumns {
  const { ids, rest } = header;
  const table = new ColumnTable('header.columns', header.columns, WINDOW_COLUMNS, ids.length, view, at);
  const sides = sideTables(header, table, view);
  if (sides.end !== view.byteLength)
    throw new ColumnsError('', `has columns up to byte ${sides.end} and ends at byte ${view.byteLength}`);
  const rows = rowsOf(header, table, sides);
  const unknownFields =
    Object.keys(header).length - Object.keys(columnsHeader.shape).length + table.unknown + sides.unknown;
  if (rest.length === 0 && sides.areSound && isHeaderSound(header) && isTableSound(table, header.series.length))
    return { isSound: true, windows: rows.slice(0, windows), context: rows.slice(windows), unknownFields };
  const all = merged(rows, rest);
  return { isSound: false, windows: all.slice(0, windows), context: all.slice(windows), unknownFields };
}

function isHeaderSound({ ids, series, addresses }: ColumnsHeader): boolean {
  const { maxLength: longestId } = identity;
  const { minLength: shortest, maxLength: longest } = address;
  return (
    ids.every((id) => NAME.test(id) && id.length <= (longestId ?? 0)) &&
    addresses.every(({ length }) => length >= (shortest ?? 0) && length <= (longest ?? 0)) &&
    series.every(
      ([host, group, name]) =>
        label.safeParse(host).success && groupName.safeParse(group).success && label.safeParse(name).success,
    )
  );
}

function isTableSound(table: ColumnTable, series: number): boolean {
  const starts = table.column('start_ms');
  const durations = table.column('duration_s');
  return (
    table.isPlace('series', series) &&
    starts.every((start_ms) => start_ms >= 0 && start_ms <= LAST_MS && Number.isInteger(start_ms)) &&
    durations.every((duration_s) => duration_s > 0 && duration_s <= MAX_DURATION_S) &&
    MEASUREMENTS.every((name) =>
      table.isWithin(name, { isOptional: true, ...(networkMeasurements[name] === measuredRatio && { most: 1 }) }),
    ) &&
    RECENT_NUMBERS.every((name) => table.isWithin(`recent.${name}`, { isOptional: true }))
  );
}

/** Each window of `rest` goes to its place among the rows. @throws ColumnsError where there is no such place */
function merged(rows: readonly NetworkWindow[], rest: ColumnsHeader['rest']): unknown[] {
  const all: unknown[] = [];
  let row = 0;
  for (const [i, [place, window]] of rest.entries()) {
    while (all.length < place && row < rows.length) all.push(rows[row++]);
    if (all.length !== place)
      throw new ColumnsError(`header.rest[${i}]`, `has place ${place} of ${rows.length + rest.length}; must ascend`);
    all.push(window);
  }
  return all.concat(rows.slice(row));
}
