/** Posts that fail one after another: how long to wait before the next, and what the log is told. */
import type { Logger } from 'pino';
import type { EdgeProblem } from './edge-problem.ts';
import type { Outcome } from './poster.ts';

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 60_000;
/** A cause that lasts, or comes and goes, is told again after this. */
const TOLD_AGAIN_AFTER_MS = 600_000;

export class Outage {
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #told_ms = new Map<string, number>();
  #failures = 0;
  /** When the first of the posts failed that failed since; null where the last did not. By the clock that never steps. */
  since_ms: number | null = null;
  #isTold = false;
  /** Why the last post failed; null where it did not. */
  problem: EdgeProblem | null = null;

  /** @param random 0..1, spreads the posts of a fleet */
  constructor(log: Logger, random: () => number) {
    this.#log = log;
    this.#random = random;
  }

  /**
   * Each cause is logged when it comes up and every ten minutes while it lasts; `facts` go with it.
   * @returns milliseconds to wait, of which half are random where the edge asks for no longer
   */
  failed({ problem, retryAfter_ms }: Extract<Outcome, { kind: 'later' }>, facts: object): number {
    const ceiling_ms = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    const wait_ms = Math.max(retryAfter_ms ?? 0, (ceiling_ms * (1 + this.#random())) / 2);
    this.#failures++;
    this.since_ms ??= performance.now();
    this.problem = problem;
    const { cause, reason, remedy } = problem;
    const told_ms = this.#told_ms.get(cause);
    if (told_ms !== undefined && performance.now() - told_ms < TOLD_AGAIN_AFTER_MS) return wait_ms;
    this.#told_ms.set(cause, performance.now());
    this.#isTold = true;
    this.#log.warn({ event: 'edge_unreachable', reason, remedy, retry_in_ms: Math.round(wait_ms), ...facts });
    return wait_ms;
  }

  /** The edge has taken a post. @returns whether it had refused those before */
  ended(facts: object): boolean {
    const hasFailed = this.#failures > 0;
    this.#failures = 0;
    this.problem = null;
    this.since_ms = null;
    if (this.#isTold) this.#log.info({ event: 'edge_reachable', ...facts });
    this.#isTold = false;
    return hasFailed;
  }
}
