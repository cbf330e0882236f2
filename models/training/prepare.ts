/** From windows as they come to what models are fitted on: each once, in order, no host with more than its share. */
import { SEQUENCE_LENGTH } from '../../contract/features.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { FEATURE_COUNT } from '../features.ts';
import { sequences } from '../sequences.ts';

/** Windows of one host that are used at most; a chatty host must not be the whole baseline. */
const MOST_PER_HOST = 20_000;
/** Windows in a row that are used, or held out, together: neighbours are too alike to tell one from the other. */
const LONGEST_STRETCH = 120;
/** Shorter ones hold hardly a sequence. */
const SHORTEST_STRETCH = 2 * SEQUENCE_LENGTH;
/** A host of enough windows has at least so many stretches. */
const FEWEST_STRETCHES = 10;
/** The share of the stretches of each host that calibrates and is not fitted on. */
const HELD_OUT = 0.3;

export interface Prepared {
  /** For fitting. */
  readonly fitted: NetworkWindow[];
  /** For calibration. */
  readonly heldOut: NetworkWindow[];
}

/**
 * Cuts the windows of each host into stretches of up to 120 in a row, and holds out three in ten of them, spread evenly over the
 * time there is, so that nights and weekends calibrate as they are fitted. Of a host with more than 20,000 windows as many
 * stretches, evenly spread. Does not depend on the order of `windows`: a window that comes twice counts once.
 */
export function prepare(windows: readonly NetworkWindow[]): Prepared {
  const unique = [...new Map(windows.map((window) => [window.id, window])).values()];
  const byHost = Map.groupBy(unique.sort(byTime), ({ host }) => host);
  const fitted: NetworkWindow[] = [];
  const heldOut: NetworkWindow[] = [];
  for (const host of [...byHost.keys()].sort())
    for (const [i, stretch] of stretchesOf(byHost.get(host) ?? []).entries())
      (isHeldOut(i) ? heldOut : fitted).push(...stretch);
  return { fitted, heldOut };
}

/** The second stretch, then three in ten. */
function isHeldOut(stretch: number): boolean {
  return Math.floor((stretch + 1) * HELD_OUT + 0.5) > Math.floor(stretch * HELD_OUT + 0.5);
}

function stretchesOf(own: readonly NetworkWindow[]): NetworkWindow[][] {
  const length = Math.min(LONGEST_STRETCH, Math.max(SHORTEST_STRETCH, Math.ceil(own.length / FEWEST_STRETCHES)));
  const stretches = Array.from({ length: Math.ceil(own.length / length) }, (_, i) =>
    own.slice(i * length, (i + 1) * length),
  );
  const most = Math.floor(MOST_PER_HOST / length);
  if (stretches.length <= most) return stretches;
  return Array.from({ length: most }, (_, i) => stretches[Math.floor((i * stretches.length) / most)] ?? []);
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
