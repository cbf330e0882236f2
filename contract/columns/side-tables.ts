/** The sources of windows and the scanners of their recent views: tables of their own in a bulk body, with a count for each window. */
import { MAX_SOURCES, type Recent, type Source, source } from '../network-window.ts';
import { quantity } from '../quantity.ts';
import { ABSENT, measuredOf } from './column.ts';
import { ColumnTable } from './column-table.ts';
import { ColumnsError, type ColumnsHeader, SCANNER_NUMBERS, SOURCE_NUMBERS } from './format.ts';

export interface SideTables {
  /** For each row; undefined where it has no list, which is not the same as an empty one. */
  readonly sources: readonly (Source[] | undefined)[];
  readonly scanners: readonly (Recent['scanners'] | undefined)[];
  /** Byte after the last column. */
  readonly end: number;
  /** Values in columns that are not known. */
  readonly unknown: number;
  readonly areSound: boolean;
}

/** @throws ColumnsError where a window counts more than `MAX_SOURCES`, or a column ends beyond the body */
export function sideTables(header: ColumnsHeader, windows: ColumnTable, view: DataView): SideTables {
  const { addresses } = header;
  const sourceCounts = windows.column('sources');
  const scannerCounts = windows.column('recent.scanners');
  const known = ['address'];
  const sources = new ColumnTable(
    'header.sources',
    header.sources,
    [...known, ...SOURCE_NUMBERS],
    total(sourceCounts, 'sources'),
    view,
    windows.end,
  );
  const scanners = new ColumnTable(
    'header.scanners',
    header.scanners,
    [...known, ...SCANNER_NUMBERS],
    total(scannerCounts, 'recent.scanners'),
    view,
    sources.end,
  );
  return {
    sources: lists(sourceCounts, sourceOf(sources, addresses)),
    scanners: lists(scannerCounts, scannerOf(scanners, addresses)),
    end: scanners.end,
    unknown: sources.unknown + scanners.unknown,
    areSound:
      areViewsWhole(windows.column('recent.over_s'), scannerCounts) &&
      sources.isPlace('address', addresses.length) &&
      scanners.isPlace('address', addresses.length) &&
      SOURCE_NUMBERS.every((name) => sources.isWithin(name, { isOptional: source.shape[name] !== quantity })) &&
      SCANNER_NUMBERS.every((name) => scanners.isWithin(name)),
  };
}

/** @throws ColumnsError: without true counts nobody knows which source is whose */
function total(counts: Float64Array, name: string): number {
  let sum = 0;
  for (const [row, count] of counts.entries()) {
    if (count === ABSENT) continue;
    if (!(count >= 0 && count <= MAX_SOURCES && Number.isInteger(count)))
      throw new ColumnsError(`windows[${row}].${name}`, `counts ${count}; must count 0 to ${MAX_SOURCES}`);
    sum += count;
  }
  return sum;
}

/** Every recent view says over how much time it is. */
const areViewsWhole = (over_s: Float64Array, scanners: Float64Array): boolean =>
  over_s.every((over, row) => over >= 0 || (over === ABSENT && scanners[row] === ABSENT));

function lists<Item>(counts: Float64Array, itemAt: (row: number) => Item): (Item[] | undefined)[] {
  const all: (Item[] | undefined)[] = [];
  let row = 0;
  for (const count of counts) {
    if (count === ABSENT) {
      all.push(undefined);
      continue;
    }
    const list: Item[] = [];
    for (let i = 0; i < count; i++) list.push(itemAt(row++));
    all.push(list);
  }
  return all;
}

function sourceOf(table: ColumnTable, addresses: readonly string[]): (row: number) => Source {
  const places = table.column('address');
  const packets = table.column('packets');
  const bytes = table.column('bytes');
  const syn_packets = table.column('syn_packets');
  const unique_ports = table.column('unique_ports');
  return (row) => ({
    ip: addresses[places[row] ?? 0] ?? '',
    packets: packets[row] ?? 0,
    bytes: bytes[row] ?? 0,
    syn_packets: measuredOf(syn_packets[row]),
    unique_ports: measuredOf(unique_ports[row]),
  });
}

function scannerOf(table: ColumnTable, addresses: readonly string[]): (row: number) => Recent['scanners'][number] {
  const places = table.column('address');
  const unique_ports = table.column('unique_ports');
  return (row) => ({ ip: addresses[places[row] ?? 0] ?? '', unique_ports: unique_ports[row] ?? 0 });
}
