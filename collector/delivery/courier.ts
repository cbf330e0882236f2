/**
 * Carries windows to the edge: the newest every two seconds, retried until they are stored; what an outage left behind beside
 * them, a batch at a time, so that a fleet that was offline is watched again at once and does not flood the edge.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { MAX_WINDOWS } from '../../contract/detect-request.ts';
import type { CollectedWindow } from '../sources/source.ts';
import type { EdgeConnection } from './edge-connection.ts';
import type { EdgeProblem } from './edge-problem.ts';
import type { Lane } from './lane.ts';
import { type Outcome, type PosterSettings, post, type Verdict } from './poster.ts';
import type { Spool } from './spool.ts';

export interface CourierSettings extends PosterSettings {
  readonly postEvery_ms: number;
}

/** Between posts of a source that has ended, or that makes more windows than a post every two seconds carries. */
const BEHIND_EVERY_MS = 250;
const BEHIND_WINDOWS = 200;
/** The backlog begins at random within this after the edge is back: hosts of a fleet come back together. */
const BACKLOG_SPREAD_MS = 30_000;
/** The backlog rests this many times as long as its last post took: an edge that is slow is asked less. */
const BACKLOG_REST = 3;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 60_000;
/** A source that reads faster than the edge takes waits at this many windows. */
const ROOM_WINDOWS = 10 * MAX_WINDOWS;
const LOOK_EVERY_MS = 25;

/** What a courier is made of. */
export interface CourierParts {
  readonly spool: Spool;
  readonly edge: EdgeConnection;
  readonly log: Logger;
  /** 0..1, spreads the posts of a fleet. */
  readonly random: () => number;
}

export class Courier {
  readonly #spool: Spool;
  readonly #edge: EdgeConnection;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #settings: CourierSettings;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isDraining = false;
  #failures = 0;
  /** By the clock that never steps. */
  #backlogFrom_ms = 0;
  /** Causes of this outage that were logged, and of refusals since the start. */
  readonly #toldOutages = new Set<string>();
  readonly #toldRefusals = new Set<string>();
  /** Why the edge takes nothing at present; null while it does. */
  edgeProblem: EdgeProblem | null = null;

  readonly counters = {
    windows: 0,
    posted_batches: 0,
    posted_windows: 0,
    retried: 0,
    rejected_windows: 0,
    threats: 0,
  };

  constructor({ spool, edge, log, random }: CourierParts, settings: CourierSettings) {
    this.#spool = spool;
    this.#edge = edge;
    this.#log = log;
    this.#random = random;
    this.#settings = settings;
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

  /** Ends `run`, then posts the newest within `within_ms`, each batch once; what is not taken stays in the spool, as the backlog does. */
  async finish(within_ms: number): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
    const late = AbortSignal.timeout(within_ms);
    while (!late.aborted) {
      const outcome = await this.#post(this.#spool.live, late);
      if (outcome === null || outcome.kind === 'later') break;
    }
    this.#spool.sync();
  }

  async #loop(): Promise<void> {
    this.#putBacklogBehind();
    await this.#rest(this.#random() * this.#settings.postEvery_ms, this.#wake.signal);
    while (!this.#stop.signal.aborted) {
      this.#spool.sync();
      const live = await this.#post(this.#spool.live, this.#stop.signal);
      const outcome = live?.kind === 'later' ? live : ((await this.#postBacklog()) ?? live);
      if (outcome?.kind === 'later') await this.#rest(this.#backOff(outcome), this.#stop.signal);
      else await this.#pause(outcome !== null);
    }
  }

  /** More than a post's worth waits at the start or after an outage: the windows from now on go first. */
  #putBacklogBehind(): void {
    if (this.#spool.live.waiting > MAX_WINDOWS) this.#spool.setBacklogAside();
    if (this.#spool.backlog) this.#backlogFrom_ms = performance.now() + this.#random() * BACKLOG_SPREAD_MS;
  }

  async #postBacklog(): Promise<Outcome | null> {
    const { backlog } = this.#spool;
    const started_ms = performance.now();
    if (!backlog || this.#stop.signal.aborted || started_ms < this.#backlogFrom_ms) return null;
    const outcome = await this.#post(backlog, this.#stop.signal);
    const ended_ms = performance.now();
    this.#backlogFrom_ms = ended_ms + BACKLOG_REST * (ended_ms - started_ms);
    return outcome;
  }

  /** @returns null where nothing waits */
  async #post(lane: Lane, stop: AbortSignal): Promise<Outcome | null> {
    const batch = lane.next();
    if (!batch) return null;
    const outcome = await post(batch, this.#edge, this.#settings, stop);
    if (outcome.kind === 'later') return outcome;
    this.#answered();
    if (outcome.kind === 'rejected') {
      this.#setAside(lane, outcome.problem);
      return outcome;
    }
    this.#spool.stored(lane);
    this.counters.posted_batches++;
    this.counters.posted_windows += batch.windows;
    for (const verdict of outcome.verdicts) this.#tell(verdict);
    return outcome;
  }

  #answered(): void {
    if (this.#failures === 0) return;
    this.#log.info({ event: 'edge_reachable', waiting_windows: this.#spool.waiting });
    this.#failures = 0;
    this.edgeProblem = null;
    this.#toldOutages.clear();
    this.#putBacklogBehind();
  }

  /** The first refusal of each status is logged, all are counted. */
  #setAside(lane: Lane, { cause, reason, remedy }: EdgeProblem): void {
    const windows = this.#spool.rejected(lane, reason);
    this.counters.rejected_windows += windows;
    if (windows === 0 || this.#toldRefusals.has(cause)) return;
    this.#toldRefusals.add(cause);
    this.#log.error({ event: 'window_rejected', reason, remedy });
  }

  async #pause(hasPosted: boolean): Promise<void> {
    const { waiting, live } = this.#spool;
    const isBehind = hasPosted && (this.#isDraining ? waiting > 0 : live.waiting >= BEHIND_WINDOWS);
    await this.#rest(isBehind ? BEHIND_EVERY_MS : this.#settings.postEvery_ms, this.#wake.signal);
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }

  async #rest(ms: number, wake: AbortSignal): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: AbortSignal.any([wake, this.#stop.signal]) });
    } catch (error) {
      if (!wake.aborted && !this.#stop.signal.aborted) throw error;
    }
  }

  /** Half of the wait is random; each cause is logged once an outage, every failure is counted. @returns milliseconds to wait */
  #backOff({ problem, retryAfter_ms }: Extract<Outcome, { kind: 'later' }>): number {
    const ceiling_ms = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    const wait_ms = Math.max(retryAfter_ms ?? 0, (ceiling_ms * (1 + this.#random())) / 2);
    if (this.#stop.signal.aborted) return wait_ms;
    this.counters.retried++;
    this.#failures++;
    this.edgeProblem = problem;
    const { cause, reason, remedy } = problem;
    if (this.#toldOutages.has(cause)) return wait_ms;
    this.#toldOutages.add(cause);
    const { waiting, writeError } = this.#spool;
    this.#log.warn({
      event: 'edge_unreachable',
      reason,
      remedy,
      retry_in_ms: Math.round(wait_ms),
      waiting_windows: waiting,
      disk_error: writeError,
    });
    return wait_ms;
  }

  #tell({ threat_detected, threat_types, attacking_ips, level, confidence, window }: Verdict): void {
    if (!threat_detected) return;
    this.counters.threats++;
    this.#log.warn({ event: 'threat', threat_types, attacking_ips, threat_level: level, confidence, window });
  }
}
