/** From windows as they come to what models are fitted on: each once, in order, no host with more than its share. */
import { SEQUENCE_LENGTH } from '../../contract/features.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { FEATURE_COUNT } from '../features.ts';
import { sequences } from '../sequences.ts';

/** Windows of one host that are used at most, the latest; a chatty host must not be the whole baseline. */
const MOST_PER_HOST = 20_000;
/** The share of the latest windows of each host that calibrates and is not fitted on. */
const HELD_OUT = 0.3;

export interface Prepared {
  /** The earlier part of each host, for fitting. */
  readonly fitted: NetworkWindow[];
  /** The later part of each host, for calibration. */
  readonly heldOut: NetworkWindow[];
}

/** Does not depend on the order of `windows`: a window that comes twice counts once. */
export function prepare(windows: readonly NetworkWindow[]): Prepared {
  const unique = [...new Map(windows.map((window) => [window.id, window])).values()];
  const byHost = Map.groupBy(unique.sort(byTime), ({ host }) => host);
  const hosts = [...byHost.keys()].sort();
  const parts = hosts.map((host) => {
    const own = (byHost.get(host) ?? []).slice(-MOST_PER_HOST);
    const cut = Math.ceil(own.length * (1 - HELD_OUT));
    return { fitted: own.slice(0, cut), heldOut: own.slice(cut) };
  });
  return { fitted: parts.flatMap((part) => part.fitted), heldOut: parts.flatMap((part) => part.heldOut) };
}

function byTime(one: NetworkWindow, other: NetworkWindow): number {
  return Date.parse(one.start) - Date.parse(other.start) || (one.id < other.id ? -1 : 1);
}

/** All sequences of ten within the windows, n x 10 x 11; an even sample of `most` where there are more. */
export function sequencesOf(windows: readonly NetworkWindow[], most: number): Float32Array {
  const { input, count } = sequences(windows, []);
  return everyNth(input, SEQUENCE_LENGTH * FEATURE_COUNT, count, most);
}

/** An even sample of rows, in order. */
export function everyNth(values: Float32Array, width: number, count: number, most: number): Float32Array {
  if (count <= most) return values;
  const sample = new Float32Array(most * width);
  for (let i = 0; i < most; i++) {
    const row = Math.floor((i * count) / most);
    sample.set(values.subarray(row * width, (row + 1) * width), i * width);
  }
  return sample;
}
