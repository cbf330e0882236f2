/** Says the first of a kind at once and then one a minute at most: what an attacker can repeat must not fill the log. */
import type { Logger } from 'pino';
import type { Clock } from '../sources/clock.ts';

const ONE_IN_NS = 60_000_000_000n;

export class SparingLog {
  readonly #log: Logger;
  readonly #clock: Pick<Clock, 'monotonic_ns'>;
  readonly #kinds = new Map<string, { readonly said_ns: bigint; unsaid: number }>();

  constructor(log: Logger, clock: Pick<Clock, 'monotonic_ns'>) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param kind of a fixed set; `not_logged` tells how many of it came since the last line */
  warn(event: string, kind: string, facts: object): void {
    const said_ns = this.#clock.monotonic_ns();
    const key = `${event} ${kind}`;
    const last = this.#kinds.get(key);
    if (last && said_ns - last.said_ns < ONE_IN_NS) {
      last.unsaid++;
      return;
    }
    this.#kinds.set(key, { said_ns, unsaid: 0 });
    this.#log.warn({ event, ...facts, not_logged: last?.unsaid ?? 0 });
  }
}
