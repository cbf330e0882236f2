/** Finds, for each window of a batch, the nine before it: the sequence that the temporal model reads. */
import { SEQUENCE_LENGTH } from '../contract/features.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { FEATURE_COUNT, rowOf, rowsOf } from './features.ts';

/** Windows further apart than this many periods are no sequence. */
const LARGEST_GAP_PERIODS = 3;

const SEQUENCE_SIZE = SEQUENCE_LENGTH * FEATURE_COUNT;

export interface Sequences {
  /** count x 10 x 11, row-major, oldest window first. */
  readonly input: Float32Array;
  readonly count: number;
  /** For each window of the batch its sequence, or -1 where fewer than ten windows in a row are known. */
  readonly indexOf: Int32Array;
}

interface Step {
  readonly start_ms: number;
  readonly duration_ms: number;
  /** Its features. */
  readonly row: Float32Array;
  /** Its places in the batch; none for context. */
  readonly places: number[];
}

/**
 * The sequences that end in a window of `batch`, built from it and from `context`; never across hosts, interfaces or gaps.
 * @param rows the features of `batch`, n x 11, where they are known already
 * @param contextRows those of `context`
 */
export function sequences(
  batch: readonly NetworkWindow[],
  context: readonly NetworkWindow[],
  rows: Float32Array = rowsOf(batch),
  contextRows: Float32Array = rowsOf(context),
): Sequences {
  const indexOf = new Int32Array(batch.length).fill(-1);
  const input = new Float32Array(batch.length * SEQUENCE_SIZE);
  let count = 0;
  for (const series of seriesOf(batch, context, rows, contextRows)) {
    let consecutive = 0;
    for (const [i, step] of series.entries()) {
      const before = series[i - 1];
      consecutive = before && follows(before, step) ? consecutive + 1 : 1;
      if (step.places.length === 0 || consecutive < SEQUENCE_LENGTH) continue;
      for (let back = 0; back < SEQUENCE_LENGTH; back++) {
        const { row } = series[i - SEQUENCE_LENGTH + 1 + back] as Step;
        input.set(row, count * SEQUENCE_SIZE + back * FEATURE_COUNT);
      }
      for (const place of step.places) indexOf[place] = count;
      count++;
    }
  }
  return { input: input.subarray(0, count * SEQUENCE_SIZE), count, indexOf };
}

function follows(before: Step, step: Step): boolean {
  return step.start_ms - before.start_ms <= LARGEST_GAP_PERIODS * Math.max(step.duration_ms, before.duration_ms);
}

/** One time-ordered series per host and interface, in which each window is once, however often it came. */
function seriesOf(
  batch: readonly NetworkWindow[],
  context: readonly NetworkWindow[],
  rows: Float32Array,
  contextRows: Float32Array,
): Step[][] {
  const series = new Map<string, Step[]>();
  const steps = new Map<string, Step>();
  const add = (window: NetworkWindow, row: Float32Array, places: number[]): void => {
    const step = { start_ms: Date.parse(window.start), duration_ms: window.duration_s * 1000, row, places };
    steps.set(window.id, step);
    const key = `${window.host}\n${window.interface}`;
    const before = series.get(key);
    if (before) before.push(step);
    else series.set(key, [step]);
  };
  for (const [place, window] of batch.entries()) {
    const known = steps.get(window.id);
    if (known) known.places.push(place);
    else add(window, rowOf(rows, place), [place]);
  }
  for (const [place, window] of context.entries())
    if (!steps.has(window.id)) add(window, rowOf(contextRows, place), []);
  for (const one of series.values()) one.sort((a, b) => a.start_ms - b.start_ms);
  return [...series.values()];
}
