/** Carries windows to the edge: a batch every two seconds, retried until it is stored; bigger batches after an outage. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { CollectedWindow } from '../sources/source.ts';
import { type Outcome, type PosterSettings, post, type Verdict } from './poster.ts';
import { MAX_BATCH_WINDOWS, type Spool } from './spool.ts';

export interface CourierSettings extends PosterSettings {
  readonly postEvery_ms: number;
}

/** Between posts while catching up: at most 800 windows a second, so that a fleet that was offline does not flood the edge. */
const CATCH_UP_EVERY_MS = 250;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 60_000;
/** A source that reads faster than the edge takes waits at this many windows. */
const ROOM_WINDOWS = 10 * MAX_BATCH_WINDOWS;
const LOOK_EVERY_MS = 25;

export class Courier {
  readonly #spool: Spool;
  readonly #settings: CourierSettings;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isDraining = false;
  #failures = 0;

  readonly counters = {
    windows: 0,
    posted_batches: 0,
    posted_windows: 0,
    retried: 0,
    rejected_windows: 0,
    threats: 0,
  };

  /** @param random 0..1, spreads the retries of a fleet */
  constructor(spool: Spool, settings: CourierSettings, log: Logger, random: () => number) {
    this.#spool = spool;
    this.#settings = settings;
    this.#log = log;
    this.#random = random;
  }

  add(window: CollectedWindow): void {
    this.counters.windows++;
    this.#spool.add(window);
  }

  /** Resolves once few windows wait; for sources that read a file, which can wait. */
  async room(stop: AbortSignal): Promise<void> {
    while (this.#spool.waiting > ROOM_WINDOWS && !stop.aborted) await sleep(LOOK_EVERY_MS);
  }

  /** Resolves once the edge has stored everything; for sources that end. */
  async drain(stop: AbortSignal): Promise<void> {
    this.#isDraining = true;
    this.#wake.abort();
    while (this.#spool.waiting > 0 && !stop.aborted && !this.#stop.signal.aborted) await sleep(LOOK_EVERY_MS);
  }

  /** Posts until `finish` is called. @throws where the spool cannot be read */
  run(): Promise<void> {
    this.#running = this.#loop();
    return this.#running;
  }

  /** Ends `run`, then posts what is left within `within_ms`, each batch once; what is not taken stays in the spool. */
  async finish(within_ms: number): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
    const late = AbortSignal.timeout(within_ms);
    while (!late.aborted) {
      const outcome = await this.#postNext(late);
      if (outcome === null || outcome.kind === 'later') break;
    }
    this.#spool.sync();
  }

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#spool.sync();
      const outcome = await this.#postNext(this.#stop.signal);
      if (outcome?.kind === 'later') await this.#rest(this.#backOff(outcome), this.#stop.signal);
      else await this.#pause(outcome !== null);
    }
  }

  /** @returns null where nothing waits */
  async #postNext(stop: AbortSignal): Promise<Outcome | null> {
    const batch = this.#spool.next();
    if (!batch) return null;
    const outcome = await post(batch, this.#settings, stop);
    if (outcome.kind === 'later') return outcome;
    if (this.#failures > 0) this.#log.info({ event: 'edge_reachable', waiting_windows: this.#spool.waiting });
    this.#failures = 0;
    if (outcome.kind === 'rejected') {
      this.counters.rejected_windows += batch.windows;
      this.#spool.rejected(outcome.reason);
      this.#log.error({ event: 'batch_rejected', batch: batch.id, windows: batch.windows, reason: outcome.reason });
      return outcome;
    }
    this.#spool.stored();
    this.counters.posted_batches++;
    this.counters.posted_windows += batch.windows;
    for (const verdict of outcome.verdicts) this.#tell(verdict);
    return outcome;
  }

  async #pause(hasPosted: boolean): Promise<void> {
    const { waiting } = this.#spool;
    const isBehind = hasPosted && waiting > 0 && (this.#isDraining || waiting >= MAX_BATCH_WINDOWS);
    await this.#rest(isBehind ? CATCH_UP_EVERY_MS : this.#settings.postEvery_ms, this.#wake.signal);
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }

  async #rest(ms: number, wake: AbortSignal): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: AbortSignal.any([wake, this.#stop.signal]) });
    } catch (error) {
      if (!wake.aborted && !this.#stop.signal.aborted) throw error;
    }
  }

  /** Half of the wait is random; the first failure and every tenth are logged, all are counted. @returns milliseconds to wait */
  #backOff({ reason, retryAfter_ms }: Extract<Outcome, { kind: 'later' }>): number {
    const ceiling_ms = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    const wait_ms = Math.max(retryAfter_ms ?? 0, (ceiling_ms * (1 + this.#random())) / 2);
    if (this.#stop.signal.aborted) return wait_ms;
    this.counters.retried++;
    if (this.#failures % 10 === 0) {
      const { waiting, writeError } = this.#spool;
      const retry_in_ms = Math.round(wait_ms);
      this.#log.warn({
        event: 'edge_unreachable',
        reason,
        retry_in_ms,
        waiting_windows: waiting,
        disk_error: writeError,
      });
    }
    this.#failures++;
    return wait_ms;
  }

  #tell({ threat_detected, threat_types, attacking_ips, level, confidence, window }: Verdict): void {
    if (!threat_detected) return;
    this.counters.threats++;
    this.#log.warn({ event: 'threat', threat_types, attacking_ips, threat_level: level, confidence, window });
  }
}
