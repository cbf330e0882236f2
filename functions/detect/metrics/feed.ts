/**
 * Brings what an isolate counted to the Metrics object: seconds after the first count, never with the request that counted.
 * A batch is numbered and sent again until it was taken, and the object takes each number once: no failure counts twice.
 */
import { type Counts, Tally } from './tally.ts';

/** What an isolate that dies may lose; and the figures of other isolates are as old as this at most. */
const FLUSH_EVERY_MS = 5_000;
/** So many requests do not wait for the time. */
const FLUSH_AT_REQUESTS = 1_000;

export interface Batch {
  /** Which isolate counted. */
  readonly isolate: string;
  readonly number: number;
  readonly counts: Counts;
}

/** The part of the Metrics object that takes batches. */
export interface Taker {
  /** Returns once the batch is durable; one that was taken before changes nothing. */
  add(batch: Batch): Promise<void>;
}

export class MetricsFeed {
  readonly tally = new Tally();
  #isolate: string | null = null;
  #number = 0;
  #unconfirmed: Batch | null = null;
  #requests = 0;
  #scheduledAt: number | null = null;

  /**
   * Called once a request: sees to it that what was counted goes out before long.
   * @param taker asked for only where something goes out
   */
  schedule(taker: () => Taker, now: number, waitUntil: (work: Promise<unknown>) => void): void {
    this.#requests++;
    if (this.#requests >= FLUSH_AT_REQUESTS) {
      waitUntil(this.#flushQuietly(taker()));
      return;
    }
    // A request that was to flush may have been ended by the platform: then another one takes over.
    const scheduled = this.#scheduledAt !== null && now - this.#scheduledAt < 2 * FLUSH_EVERY_MS;
    if (scheduled) return;
    this.#scheduledAt = now;
    waitUntil(new Promise((resolve) => setTimeout(resolve, FLUSH_EVERY_MS)).then(() => this.#flushQuietly(taker())));
  }

  /** @throws what the object threw; nothing is lost by that, the next flush sends it again */
  async flush(taker: Taker): Promise<void> {
    this.#requests = 0;
    this.#scheduledAt = null;
    // The batch that failed before, then what gathered since.
    for (let sent = 0; sent < 2; sent++) {
      const batch = this.#unconfirmed ?? this.#nextBatch();
      if (batch === null) return;
      this.#unconfirmed = batch;
      await taker.add(batch);
      if (this.#unconfirmed === batch) this.#unconfirmed = null;
    }
  }

  async #flushQuietly(taker: Taker): Promise<void> {
    try {
      await this.flush(taker);
    } catch (error) {
      console.warn(JSON.stringify({ level: 'warn', event: 'metrics_not_flushed', message: String(error) }));
    }
  }

  #nextBatch(): Batch | null {
    const counts = this.tally.take();
    if (counts === null) return null;
    // Not at the start of the isolate: workerd draws no random numbers outside of requests.
    this.#isolate ??= crypto.randomUUID();
    return { isolate: this.#isolate, number: this.#number++, counts };
  }
}
