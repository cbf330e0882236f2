/** Finds, for each window of a batch, the nine before it: the sequence that the temporal model reads. */
import { SEQUENCE_LENGTH } from '../contract/features.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { FEATURE_COUNT, writeNetworkFeatures } from './features.ts';

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
  readonly window: NetworkWindow;
  /** Place in the batch, or -1 for context. */
  readonly place: number;
}

/** The sequences that end in a window of `batch`, built from it and from `context`; never across hosts, interfaces or gaps. */
export function sequences(batch: readonly NetworkWindow[], context: readonly NetworkWindow[]): Sequences {
  const indexOf = new Int32Array(batch.length).fill(-1);
  const input = new Float32Array(batch.length * SEQUENCE_SIZE);
  let count = 0;
  for (const series of seriesOf(batch, context)) {
    let consecutive = 0;
    for (const [i, step] of series.entries()) {
      const before = series[i - 1];
      consecutive = before && follows(before, step) ? consecutive + 1 : 1;
      if (step.place < 0 || consecutive < SEQUENCE_LENGTH) continue;
      for (let back = 0; back < SEQUENCE_LENGTH; back++) {
        const { window } = series[i - SEQUENCE_LENGTH + 1 + back] as Step;
        writeNetworkFeatures(window, input, count * SEQUENCE_SIZE + back * FEATURE_COUNT);
      }
      indexOf[step.place] = count++;
    }
  }
  return { input: input.subarray(0, count * SEQUENCE_SIZE), count, indexOf };
}

function follows(before: Step, step: Step): boolean {
  const period_ms = step.window.duration_s * 1000;
  return step.start_ms - before.start_ms <= LARGEST_GAP_PERIODS * Math.max(period_ms, before.window.duration_s * 1000);
}

/** One time-ordered series per host and interface; a window that came both as context and to be judged is there once. */
function seriesOf(batch: readonly NetworkWindow[], context: readonly NetworkWindow[]): Step[][] {
  const series = new Map<string, Step[]>();
  const judged = new Set(batch.map((window) => window.id));
  const add = (window: NetworkWindow, place: number): void => {
    const key = `${window.host}\n${window.interface}`;
    const step = { start_ms: Date.parse(window.start), window, place };
    const steps = series.get(key);
    if (steps) steps.push(step);
    else series.set(key, [step]);
  };
  for (const window of context) if (!judged.has(window.id)) add(window, -1);
  for (const [place, window] of batch.entries()) add(window, place);
  for (const steps of series.values()) steps.sort((a, b) => a.start_ms - b.start_ms);
  return [...series.values()];
}
