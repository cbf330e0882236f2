/** A stretch of the window log on its way to the edge, one batch at a time. */
import { MAX_WINDOWS } from '../../contract/detect-request.ts';
import { type Batch, type Context, type ContextCut, fitting, formBatch } from './batch.ts';
import type { Stretch } from './cursor.ts';
import type { Range } from './segments.ts';
import type { WindowLog } from './window-log.ts';

interface Formed {
  readonly batch: Batch;
  readonly numbers: readonly number[];
  /** Number after its last window. */
  readonly end: number;
  readonly after: Context;
}

export class Lane {
  readonly #log: WindowLog;
  readonly #moved: () => void;
  readonly #onCut: (cut: ContextCut) => void;
  #stretch: Stretch;
  #formed: Formed | null = null;
  #maxWindows = MAX_WINDOWS;

  /**
   * @param moved makes durable where the lane is now
   * @param onCut told what the context of each batch lacks
   */
  constructor(stretch: Stretch, log: WindowLog, moved: () => void, onCut: (cut: ContextCut) => void) {
    this.#stretch = stretch;
    this.#log = log;
    this.#moved = moved;
    this.#onCut = onCut;
  }

  get stretch(): Stretch {
    return this.#stretch;
  }

  get range(): Range {
    return { from: this.#stretch.next, end: this.#stretch.end ?? Number.POSITIVE_INFINITY };
  }

  /** Windows of the batch that is formed; null where none is. */
  get held(): Range | null {
    const { next, batchEnd } = this.#stretch;
    return batchEnd === null ? null : { from: next, end: batchEnd };
  }

  /** Windows that the edge has not stored. */
  get waiting(): number {
    return this.#log.count(this.range);
  }

  /** The batch to post: the same one until `done` or `halve`, also after a restart; null where no window waits. */
  next(): Batch | null {
    while (this.#formed === null && this.#log.count(this.range) > 0) this.#formed = this.#form();
    return this.#formed?.batch ?? null;
  }

  /** The batch needs no more posting; after one that was stored, the next may be twice as large. */
  done(outcome: 'stored' | 'rejected'): void {
    const formed = this.#formed;
    if (!formed) return;
    if (outcome === 'stored') this.#maxWindows = Math.min(MAX_WINDOWS, 2 * this.#maxWindows);
    this.#formed = null;
    this.#move({ next: formed.end, batchEnd: null, context: formed.after });
  }

  /** The first half of the batch is a batch of its own. @returns false where it holds one window */
  halve(): boolean {
    const { numbers } = this.#formed ?? { numbers: [] };
    if (numbers.length < 2) return false;
    this.#maxWindows = numbers.length >> 1;
    this.#formed = null;
    this.#move({ batchEnd: numbers[this.#maxWindows] ?? null });
    return true;
  }

  /** The stretch ends here: what comes from now on is another lane's. */
  end(at: number): void {
    this.#stretch = { ...this.#stretch, end: at };
  }

  /** @returns null where every window that was looked at is damaged */
  #form(): Formed | null {
    const { batchEnd, context } = this.#stretch;
    const { from, end } = this.range;
    const read = this.#log.read({ from, end: batchEnd ?? end }, batchEnd === null ? this.#maxWindows : MAX_WINDOWS);
    const windows = batchEnd === null ? fitting(read.windows) : read.windows;
    const last = windows.at(-1);
    if (!last) {
      this.#move({ next: batchEnd ?? read.after, batchEnd: null });
      return null;
    }
    const formed = { numbers: windows.map(({ number }) => number), end: last.number + 1 };
    if (batchEnd === null) {
      this.#log.sync();
      this.#move({ batchEnd: formed.end });
    }
    const { batch, after, cut } = formBatch(windows, context);
    this.#onCut(cut);
    return { batch, after, ...formed };
  }

  #move(to: Partial<Stretch>): void {
    this.#stretch = { ...this.#stretch, ...to };
    this.#moved();
  }
}
