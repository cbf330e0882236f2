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
import { Outage } from './outage.ts';
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
  /** Told each verdict that the edge tells: each threat, and of posts of few windows the quiet ones too. */
  readonly onVerdict?: (verdict: Verdict) => void;
}

export class Courier {
  readonly #spool: Spool;
  readonly #edge: EdgeConnection;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #onVerdict: (verdict: Verdict) => void;
  readonly #settings: CourierSettings;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isDraining = false;
  /** By the clock that never steps. */
  #backlogFrom_ms = 0;
  readonly #liveOutage: Outage;
  readonly #backlogOutage: Outage;
  /** Causes of refusals that were logged. */
  readonly #toldRefusals = new Set<string>();

  /** When the edge last stored windows; null where it has not yet. */
  lastPost_ms: number | null = null;

  readonly counters = {
    windows: 0,
    posted_batches: 0,
    posted_windows: 0,
    retried: 0,
    rejected_windows: 0,
    threats: 0,
  };

  constructor({ spool, edge, log, random, onVerdict = () => {} }: CourierParts, settings: CourierSettings) {
    this.#spool = spool;
    this.#edge = edge;
    this.#log = log;
    this.#random = random;
    this.#onVerdict = onVerdict;
    this.#settings = settings;
    this.#liveOutage = new Outage(log, random);
    this.#backlogOutage = new Outage(log, random);
  }

  /** Why the edge takes nothing at present; null while it does. */
  get edgeProblem(): EdgeProblem | null {
    return this.#liveOutage.problem ?? this.#backlogOutage.problem;
  }

  /** Since when; null while it does. By the clock that never steps, as `lastPost_ms`. */
  get edgeAwaySince_ms(): number | null {
    return this.#liveOutage.since_ms ?? this.#backlogOutage.since_ms;
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
    const syncing = setInterval(() => this.#spool.sync(), this.#settings.postEvery_ms);
    this.#running = this.#loop().finally(() => clearInterval(syncing));
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
      const live = await this.#post(this.#spool.live, this.#stop.signal);
      if (live?.kind === 'later') {
        await this.#rest(this.#failed(this.#liveOutage, live), this.#stop.signal);
        continue;
      }
      if (live && this.#liveOutage.ended(this.#facts())) this.#putBacklogBehind();
      const backlog = await this.#postBacklog();
      const asked_ms = backlog?.kind === 'later' ? (backlog.retryAfter_ms ?? 0) : 0;
      await this.#pause(live !== null || backlog !== null, asked_ms);
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
    let rest_ms = BACKLOG_REST * (ended_ms - started_ms);
    if (outcome?.kind === 'later') rest_ms = this.#failed(this.#backlogOutage, outcome);
    else this.#backlogOutage.ended(this.#facts());
    this.#backlogFrom_ms = ended_ms + rest_ms;
    return outcome;
  }

  /** @returns null where nothing waits */
  async #post(lane: Lane, stop: AbortSignal): Promise<Outcome | null> {
    const batch = lane.next();
    if (!batch) return null;
    const outcome = await post(batch, this.#edge, this.#settings, stop);
    if (outcome.kind === 'later') return outcome;
    if (outcome.kind === 'rejected') {
      this.#setAside(lane, outcome.problem);
      return outcome;
    }
    this.#spool.stored(lane);
    this.lastPost_ms = performance.now();
    this.counters.posted_batches++;
    this.counters.posted_windows += batch.windows;
    for (const verdict of outcome.verdicts) {
      this.#tell(verdict);
      this.#onVerdict(verdict);
    }
    return outcome;
  }

  /** The first refusal of each status is logged, all are counted. */
  #setAside(lane: Lane, { cause, reason, remedy }: EdgeProblem): void {
    const windows = this.#spool.rejected(lane, reason);
    this.counters.rejected_windows += windows;
    if (windows === 0 || this.#toldRefusals.has(cause)) return;
    this.#toldRefusals.add(cause);
    this.#log.error({ event: 'window_rejected', reason, remedy });
  }

  /** @param atLeast_ms what the edge asked for */
  async #pause(hasPosted: boolean, atLeast_ms: number): Promise<void> {
    const { waiting, live } = this.#spool;
    const isBehind = hasPosted && (this.#isDraining ? waiting > 0 : live.waiting >= BEHIND_WINDOWS);
    const wait_ms = isBehind ? BEHIND_EVERY_MS : this.#settings.postEvery_ms;
    await this.#rest(Math.max(wait_ms, atLeast_ms), this.#wake.signal);
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }

  async #rest(ms: number, wake: AbortSignal): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: AbortSignal.any([wake, this.#stop.signal]) });
    } catch (error) {
      if (!wake.aborted && !this.#stop.signal.aborted) throw error;
    }
  }

  /** @returns milliseconds to wait */
  #failed(outage: Outage, outcome: Extract<Outcome, { kind: 'later' }>): number {
    if (this.#stop.signal.aborted) return 0;
    this.counters.retried++;
    return outage.failed(outcome, this.#facts());
  }

  #facts(): object {
    return { waiting_windows: this.#spool.waiting, disk_error: this.#spool.writeError };
  }

  #tell({ threat_detected, threat_types, attacking_ips, level, confidence, window }: Verdict): void {
    if (!threat_detected) return;
    this.counters.threats++;
    this.#log.warn({ event: 'threat', threat_types, attacking_ips, threat_level: level, confidence, window });
  }
}
