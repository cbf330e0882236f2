/** What the windows of a drill say of its path, beside what was set: the bounds within which it must be measured. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord, RECORD_HEADER_BYTES } from '../../collector/delivery/record.ts';
import { type NetworkWindow, networkWindow } from '../../contract/network-window.ts';
import type { Impairment } from './impaired-path.ts';

/** How far what is measured may be from what was set, as shares of that. */
export const BOUNDS = { latency: 0.1, loss: 0.2 } as const;
/** Windows with a rate of loss; of fewer, nothing was measured. */
const FEWEST_WINDOWS = 4;

export interface MeasuredPath {
  readonly set: { readonly latency_ms: number; readonly loss: number; readonly reorders: boolean };
  /** Median of the windows' mean round trips; null where none had one. */
  readonly latency_ms: number | null;
  /** Mean of the windows' rates, by the bytes that they sent; null where none had one. */
  readonly loss: number | null;
  /** That had both. */
  readonly windows: number;
  readonly isWithinBounds: boolean;
}

/**
 * Over the windows that lie within the time that the path was so.
 * @param from_ms wall clock, as is `to_ms`
 */
export function measurePath(
  windows: readonly NetworkWindow[],
  { delay_ms, loss: setLoss, reorders }: Impairment,
  from_ms: number,
  to_ms: number,
): MeasuredPath {
  const measured = windows.flatMap(({ start, duration_s, avg_latency_ms, packet_loss_rate, bytes_out_per_second }) => {
    const start_ms = Date.parse(start);
    const isWithin = start_ms >= from_ms && start_ms + 1000 * duration_s <= to_ms;
    if (!isWithin || typeof avg_latency_ms !== 'number' || typeof packet_loss_rate !== 'number') return [];
    return [{ latency_ms: avg_latency_ms, loss: packet_loss_rate, bytes: (bytes_out_per_second ?? 0) * duration_s }];
  });
  const set = { latency_ms: 2 * delay_ms, loss: setLoss, reorders };
  const bytes = measured.reduce((sum, window) => sum + window.bytes, 0);
  const loss = bytes === 0 ? null : measured.reduce((sum, window) => sum + window.loss * window.bytes, 0) / bytes;
  const latency_ms = measured.map((window) => window.latency_ms).sort((a, b) => a - b)[measured.length >> 1] ?? null;
  return {
    ...{ set, latency_ms, loss, windows: measured.length },
    isWithinBounds:
      measured.length >= FEWEST_WINDOWS &&
      isNear(latency_ms, set.latency_ms, BOUNDS.latency) &&
      isNear(loss, set.loss, BOUNDS.loss),
  };
}

const isNear = (measured: number | null, set: number, bound: number): boolean =>
  measured !== null && Math.abs(measured / set - 1) <= bound;

/** One line for people. */
export function measuredText({ set, latency_ms, loss, windows, isWithinBounds }: MeasuredPath): string {
  const mode = set.reorders ? 'reordered' : 'in order';
  const beside = (measured: number | null, of: number, unit: string): string =>
    measured === null
      ? `not measured (${of} ${unit} set)`
      : `${measured.toFixed(1)} ${unit} of ${of} ${unit} set (${signed(100 * (measured / of - 1))} %)`;
  const latency = `latency ${beside(latency_ms, set.latency_ms, 'ms')}`;
  const losses = `loss ${beside(loss === null ? null : 100 * loss, 100 * set.loss, '%')}`;
  const verdict = isWithinBounds
    ? ''
    : `; OUTSIDE ${100 * BOUNDS.latency} % of latency or ${100 * BOUNDS.loss} % of loss`;
  return `${mode}: ${latency}, ${losses}, over ${windows} windows${verdict}`;
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;

/** The network windows in the newest file of a spool, which keeps what it holds until it is full: hundreds. A record still being written is left out. */
export function loggedWindows(folder: string): NetworkWindow[] {
  const newest = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.log'))
        .sort()
        .at(-1)
    : null;
  if (!newest) return [];
  const bytes = readFileSync(join(folder, newest));
  const windows: NetworkWindow[] = [];
  for (let at = 0; ; ) {
    const record = decodeRecord(bytes, at);
    if (!record) return windows;
    at += RECORD_HEADER_BYTES + record.payload.length;
    const window = networkWindow.safeParse(JSON.parse(record.payload.toString('utf8')));
    if (window.success) windows.push(window.data);
  }
}
