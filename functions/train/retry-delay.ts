/** How long a message that storage did not take waits: the Queue gives each a hundred retries, which have to last. */

/** In seconds; a Queue delays by at most 43,200. https://developers.cloudflare.com/queues/configuration/batching-retries/ */
interface Backoff {
  readonly first: number;
  readonly most: number;
}

/** A hundred retries are 17 to 23 hours. */
const WINDOWS: Backoff = { first: 2, most: 900 };
/** A hundred retries are more than the 14 days that a Queue keeps a message at most. */
const DEAD_LETTERS: Backoff = { first: 900, most: 18_000 };

/**
 * Whole seconds until the next attempt: twice as long each time up to a bound, less up to a quarter by chance, so that a backlog
 * does not come back at one moment.
 * @param attempts that were made, from 1
 */
export function retryDelay(attempts: number, isDeadLetter: boolean, chance = Math.random()): number {
  const { first, most } = isDeadLetter ? DEAD_LETTERS : WINDOWS;
  return Math.ceil(Math.min(most, first * 2 ** (attempts - 1)) * (1 - chance / 4));
}
