/** The clock that a live source runs by; tests and the entry pass their own. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  wall_ms(): number;
  /** Nanoseconds that never step back. */
  monotonic_ns(): bigint;
  /** Resolves after `ms`, or at once when `stop` aborts. */
  sleep(ms: number, stop: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  wall_ms: () => Date.now(),
  monotonic_ns: () => process.hrtime.bigint(),
  async sleep(ms, stop) {
    try {
      await delay(ms, undefined, { signal: stop });
    } catch (error) {
      if (!stop.aborted) throw error;
    }
  },
};
