/** A workerd that is kept running: where it ends by itself it is started again, after pauses that grow where it does not start. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type WorkerdLaunch, WorkerdProcess } from './workerd-process.ts';

/** Requests under way get this long when workerd is replaced or ended; connections made meanwhile wait. */
const DRAIN_MS = 10_000;
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
/** A workerd that ran this long had no trouble to start. */
const STEADY_MS = 60_000;

/** As the log tells of it. */
export interface ProcessFacts {
  readonly process: string;
  readonly pid: number | null;
  readonly rss_bytes: number | null;
}

export class KeptWorkerd {
  readonly #name: string;
  readonly #launch: WorkerdLaunch;
  readonly #logger: Logger;
  readonly #turned: () => void;
  readonly #ending = new AbortController();
  #running: WorkerdProcess | null = null;
  #starting: Promise<void> = Promise.resolve();
  #backoff_ms = FIRST_BACKOFF_MS;
  #startedAt = 0;
  #away = false;

  /**
   * @param name in the log
   * @param turned called when `isAway` changes
   */
  constructor(name: string, launch: WorkerdLaunch, logger: Logger, turned: () => void) {
    this.#turned = turned;
    this.#name = name;
    this.#launch = launch;
    this.#logger = logger;
  }

  get facts(): ProcessFacts {
    const { pid = null, rss_bytes = null } = this.#running ?? {};
    return { process: this.#name, pid, rss_bytes };
  }

  /** Whether it ended by itself and does not serve yet. */
  get isAway(): boolean {
    return this.#away;
  }

  get listeningFd(): number | null {
    return this.#launch.listeningFd;
  }

  /** Tries once. @throws EdgeError */
  async start(): Promise<void> {
    const attempt = this.#startOnce();
    this.#starting = attempt.catch(() => undefined);
    await attempt;
  }

  /** Returns once it serves, or was told to end. */
  startUntilItServes(): Promise<void> {
    this.#starting = this.#tryUntilItServes();
    return this.#starting;
  }

  /** Asks its control entry; resolves with the status. @throws Error where it is not running, or ends meanwhile */
  async control(path: string): Promise<number> {
    if (this.#running === null) throw new Error(`${this.#name} is not running`);
    return this.#running.control(path);
  }

  /** Ends it for good: requests under way finish, within ten seconds. */
  async end(): Promise<void> {
    await this.#forGood(async (workerd) => {
      this.#logger.info({ event: 'draining', ...this.facts });
      if (await workerd.drain(DRAIN_MS)) return;
      this.#logger.warn({ event: 'requests_cut', process: this.#name, after_ms: DRAIN_MS });
    });
  }

  /** Ends it for good and at once. */
  async kill(): Promise<void> {
    await this.#forGood((workerd) => workerd.kill());
  }

  async #forGood(end: (workerd: WorkerdProcess) => Promise<void>): Promise<void> {
    this.#ending.abort();
    await this.#starting;
    if (this.#running !== null) await end(this.#running);
  }

  async #startOnce(): Promise<void> {
    const workerd = await WorkerdProcess.start(this.#launch);
    this.#running = workerd;
    this.#startedAt = performance.now();
    void workerd.ended.then((end) => {
      this.#running = null;
      if (this.#ending.signal.aborted) return;
      this.#logger.error({ event: 'workerd_ended', process: this.#name, pid: workerd.pid, ...end });
      this.#turn(true);
      void this.startUntilItServes();
    });
  }

  async #tryUntilItServes(): Promise<void> {
    const { signal } = this.#ending;
    if (performance.now() - this.#startedAt > STEADY_MS) this.#backoff_ms = FIRST_BACKOFF_MS;
    while (!signal.aborted) {
      try {
        await this.#startOnce();
        if (!this.#away || signal.aborted) return;
        this.#logger.info({ event: 'workerd_started', ...this.facts });
        this.#turn(false);
        return;
      } catch (error) {
        const wait_ms = this.#backoff_ms;
        this.#logger.error({
          event: 'workerd_not_started',
          process: this.#name,
          message: String(error),
          again_in_ms: wait_ms,
        });
        this.#backoff_ms = Math.min(LONGEST_BACKOFF_MS, 2 * wait_ms);
        await sleep(wait_ms, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #turn(away: boolean): void {
    this.#away = away;
    this.#turned();
  }
}
