/** Carries windows to the edge: closes a batch every two seconds, spools it, posts it, and retries until it is stored. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { BatchBuilder } from './batch.ts';
import { type Outcome, type PosterSettings, post, type Verdict } from './poster.ts';
import type { Spool } from './spool.ts';

export interface CourierSettings extends PosterSettings {
  readonly postEvery_ms: number;
}

/** Posts a second while catching up, so that a fleet that was offline does not flood the edge. */
const CATCH_UP_POSTS_PER_SECOND = 20;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 60_000;
/** A source that reads faster than the edge takes waits at this many batches. */
const ROOM_BATCHES = 50;

export class Courier {
  readonly #spool: Spool;
  readonly #settings: CourierSettings;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #batches = new BatchBuilder();
  readonly #stop = new AbortController();
  #failures = 0;
  /** performance.now() before which nothing is posted. */
  #notBefore_ms = 0;
  #wake: (() => void) | null = null;

  readonly counters = {
    windows: 0,
    posted_windows: 0,
    posts: 0,
    post_failures: 0,
    rejected_windows: 0,
    threats: 0,
  };

  /** @param random 0..1, spreads retries of a fleet */
  constructor(spool: Spool, settings: CourierSettings, log: Logger, random: () => number) {
    this.#spool = spool;
    this.#settings = settings;
    this.#log = log;
    this.#random = random;
  }

  add(window: NetworkWindow): void {
    this.counters.windows++;
    if (this.#batches.add(window)) {
      this.#close();
      this.#wake?.();
    }
  }

  /** Resolves once few batches wait; for sources that read a file, which can wait. */
  async room(stop: AbortSignal): Promise<void> {
    while (this.#spool.batches > ROOM_BATCHES && !stop.aborted) await sleep(50);
  }

  /** Resolves once the edge has stored everything; for sources that end. */
  async drain(stop: AbortSignal): Promise<void> {
    this.#close();
    while (this.#spool.batches > 0 && !stop.aborted) await sleep(20);
  }

  /** Posts until `finish` is called. */
  async run(): Promise<void> {
    const period_ms = this.#settings.postEvery_ms;
    // By a timer of its own: a post that hangs must not keep windows out of the spool.
    const closing = setInterval(() => {
      this.#close();
      this.#wake?.();
    }, period_ms);
    while (!this.#stop.signal.aborted) {
      const until_ms = performance.now() + period_ms;
      await this.#deliver('newest');
      await this.#catchUp(until_ms);
      await this.#rest(until_ms);
    }
    clearInterval(closing);
  }

  /** Spools what is left and tries to post it, within `within_ms`; what is not taken stays in the spool. */
  async finish(within_ms: number): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    this.#close();
    const deadline = performance.now() + within_ms;
    const late = AbortSignal.timeout(within_ms);
    while (this.#spool.batches > 0 && performance.now() < deadline) {
      if ((await this.#attempt('newest', late)) === 'later') break;
    }
  }

  #close(): void {
    const batch = this.#batches.close();
    if (batch) this.#spool.add(batch);
  }

  async #catchUp(until_ms: number): Promise<void> {
    while (this.#spool.batches > 0 && performance.now() < until_ms && !this.#stop.signal.aborted) {
      if (performance.now() < this.#notBefore_ms) return;
      await this.#deliver('oldest');
      await sleep(1000 / CATCH_UP_POSTS_PER_SECOND);
    }
  }

  async #rest(until_ms: number): Promise<void> {
    const wait_ms = until_ms - performance.now();
    if (wait_ms <= 0 || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait_ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  async #deliver(which: 'newest' | 'oldest'): Promise<void> {
    if (performance.now() < this.#notBefore_ms) return;
    await this.#attempt(which, this.#stop.signal);
  }

  async #attempt(which: 'newest' | 'oldest', stop: AbortSignal): Promise<Outcome['kind'] | 'empty'> {
    const next = this.#spool.peek(which);
    if (!next) return 'empty';
    const { name, batch } = next;
    this.counters.posts++;
    const outcome = await post(batch, this.#settings, stop);
    if (outcome.kind === 'later') {
      this.#backOff(outcome.reason, outcome.retryAfter_ms);
      return outcome.kind;
    }
    if (this.#failures > 0) this.#log.info({ event: 'edge_reachable', spooled_batches: this.#spool.batches });
    this.#failures = 0;
    if (outcome.kind === 'rejected') {
      this.counters.rejected_windows += batch.windows;
      this.#spool.reject(name, batch);
      this.#log.error({ event: 'batch_rejected', windows: batch.windows, file: name, reason: outcome.reason });
    } else {
      this.#spool.remove(name);
      this.counters.posted_windows += batch.windows;
      for (const verdict of outcome.verdicts) this.#tell(verdict);
    }
    return outcome.kind;
  }

  /** Full jitter; the first failure and every tenth are logged, the rest counted. */
  #backOff(reason: string, retryAfter_ms: number | null): void {
    if (this.#stop.signal.aborted) return;
    this.counters.post_failures++;
    const ceiling_ms = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    const wait_ms = retryAfter_ms ?? ceiling_ms / 2 + (this.#random() * ceiling_ms) / 2;
    this.#notBefore_ms = performance.now() + wait_ms;
    if (this.#failures % 10 === 0) {
      this.#log.warn({
        event: 'edge_unreachable',
        reason,
        retry_in_ms: Math.round(wait_ms),
        spooled_batches: this.#spool.batches,
      });
    }
    this.#failures++;
  }

  #tell({ threat_detected, threat_types, attacking_ips, level, window }: Verdict): void {
    if (!threat_detected) return;
    this.counters.threats++;
    this.#log.warn({
      event: 'threat',
      level_of_threat: level,
      threat_types,
      attacking_ips,
      window: window?.id,
      start: window?.start,
    });
  }
}
