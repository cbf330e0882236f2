/** Writes the bulk body of `POST /detect`. */
import type { AuthWindow } from '../auth-window.ts';
import type { NetworkWindow, Recent } from '../network-window.ts';
import { ABSENT, type ColumnHead, headOf, NULL, WIDTHS, writeColumn } from './column.ts';
import {
  COLUMNS_FORMAT,
  type ColumnsHeader,
  MEASUREMENTS,
  PREFIX_BYTES,
  RECENT_NUMBERS,
  SCANNER_NUMBERS,
  SOURCE_NUMBERS,
} from './format.ts';

/**
 * A body of media type `COLUMNS_MEDIA_TYPE`; measure what it weighs after compression.
 * @param windows valid ones; members that the schema does not know are left out of those in columns
 */
export function encodeColumns(
  windows: readonly (NetworkWindow | AuthWindow)[],
  context: readonly NetworkWindow[],
): Uint8Array<ArrayBuffer> {
  const rest: ColumnsHeader['rest'] = [];
  const rows: NetworkWindow[] = [];
  for (const [place, window] of [...windows, ...context].entries()) {
    if (fits(window)) rows.push(window);
    else rest.push([place, window]);
  }
  const series = new Places();
  const addresses = new Places();
  const sources = rows.flatMap((row) => row.sources ?? []);
  const scanners = rows.flatMap((row) => row.recent?.scanners ?? []);
  const tables = {
    columns: [
      column('series', rows, (row) => series.of(JSON.stringify([row.host, row.group, row.interface]))),
      column('start_ms', rows, (row) => Date.parse(row.start)),
      column('duration_s', rows, (row) => row.duration_s),
      ...MEASUREMENTS.map((name) => column(name, rows, (row) => row[name])),
      column('sources', rows, (row) => row.sources?.length),
      ...RECENT_NUMBERS.map((name) => column(`recent.${name}`, rows, (row) => row.recent?.[name])),
      column('recent.scanners', rows, (row) => row.recent?.scanners.length),
    ],
    sources: [
      column('address', sources, ({ ip }) => addresses.of(ip)),
      ...SOURCE_NUMBERS.map((name) => column(name, sources, (one) => one[name])),
    ],
    scanners: [
      column('address', scanners, ({ ip }) => addresses.of(ip)),
      ...SCANNER_NUMBERS.map((name) => column(name, scanners, (one) => one[name])),
    ],
  };
  const headsOf = (columns: readonly Column[]): ColumnHead[] => columns.flatMap(({ head }) => (head ? [head] : []));
  return assemble(
    {
      format: COLUMNS_FORMAT,
      ids: rows.map(({ id }) => id),
      context: context.length,
      series: series.texts().map((text) => JSON.parse(text)),
      addresses: addresses.texts(),
      columns: headsOf(tables.columns),
      sources: headsOf(tables.sources),
      scanners: headsOf(tables.scanners),
      rest,
    },
    [...tables.columns, ...tables.sources, ...tables.scanners],
  );
}

interface Column {
  readonly head: ColumnHead | null;
  readonly values: readonly number[];
}

function column<Row>(
  name: string,
  rows: readonly Row[],
  measurementOf: (row: Row) => number | null | undefined,
): Column {
  const values = rows.map((row) => {
    const value = measurementOf(row);
    return value ?? (value === null ? NULL : ABSENT);
  });
  return { head: headOf(name, values), values };
}

function assemble(header: ColumnsHeader, columns: readonly Column[]): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const written = columns.flatMap(({ head, values }) =>
    head && typeof head[1] === 'string' ? [{ type: head[1], values }] : [],
  );
  const dataBytes = written.reduce((sum, { type, values }) => sum + WIDTHS[type] * values.length, 0);
  const body = new Uint8Array(PREFIX_BYTES + text.length + dataBytes);
  const view = new DataView(body.buffer);
  view.setUint32(0, text.length, true);
  body.set(text, PREFIX_BYTES);
  let at = PREFIX_BYTES + text.length;
  for (const { type, values } of written) {
    writeColumn(view, at, type, values);
    at += WIDTHS[type] * values.length;
  }
  return body;
}

/** Texts, each told by its place in the order in which they came. */
class Places {
  readonly #places = new Map<string, number>();

  of(text: string): number {
    const place = this.#places.get(text) ?? this.#places.size;
    this.#places.set(text, place);
    return place;
  }

  texts(): string[] {
    return [...this.#places.keys()];
  }
}

/** Whether columns say the same as the window: what they cannot hold, such as a start with an offset, goes as it is. */
function fits(window: NetworkWindow | AuthWindow): window is NetworkWindow {
  if (!('interface' in window)) return false;
  const { start, duration_s, sources = [], recent } = window;
  return (
    isInstant(start) &&
    [window.id, window.host, window.group, window.interface].every((text) => typeof text === 'string') &&
    isNumber(duration_s) &&
    MEASUREMENTS.every((name) => isMeasured(window[name])) &&
    sources.every((one) => typeof one.ip === 'string' && SOURCE_NUMBERS.every((name) => isMeasured(one[name]))) &&
    (recent === undefined || viewFits(recent))
  );
}

function viewFits(recent: Recent): boolean {
  return (
    isNumber(recent.over_s) &&
    RECENT_NUMBERS.every((name) => isMeasured(recent[name])) &&
    recent.scanners.every(({ ip, unique_ports }) => typeof ip === 'string' && isNumber(unique_ports))
  );
}

/** As `toISOString` writes it, and not before 1970. */
function isInstant(start: string): boolean {
  const start_ms = Date.parse(start);
  return start_ms >= 0 && new Date(start_ms).toISOString() === start;
}

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isMeasured = (value: unknown): boolean => value === null || value === undefined || isNumber(value);
