/** When the edge does by itself what Cloudflare's cron does: the times of each wrangler.toml, in UTC. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const TRAINING_MS = (3 * 60 + 17) * MINUTE_MS;
const UPKEEP_EVERY_MS = 20 * MINUTE_MS;
/** After a training that failed, or that a restart cut. */
const RETRY_MS = 10 * MINUTE_MS;

/** Every day at 03:17. */
export function nextTraining(now: number): number {
  const today = Math.floor(now / DAY_MS) * DAY_MS + TRAINING_MS;
  return today > now ? today : today + DAY_MS;
}

/** Every 20 minutes. */
export function nextUpkeep(now: number): number {
  return (Math.floor(now / UPKEEP_EVERY_MS) + 1) * UPKEEP_EVERY_MS;
}

/**
 * Runs `job` at each time that `next` names, one after another, and once more ten minutes after it threw.
 * @param job tells by itself what it throws
 * @returns a function that ends it
 */
export function runAt(next: (now: number) => number, job: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout;
  let ended = false;
  const wait = (until: number, retry: boolean): void => {
    if (ended) return;
    const left = until - Date.now();
    // A timer's clock is not the calendar's: look again before long.
    timer = setTimeout(() => (left > MINUTE_MS ? wait(until, retry) : run(retry)), Math.min(left, MINUTE_MS)).unref();
  };
  const run = (retry: boolean): void => {
    job().then(
      () => wait(next(Date.now()), false),
      () => wait(retry ? next(Date.now()) : Math.min(next(Date.now()), Date.now() + RETRY_MS), !retry),
    );
  };
  wait(next(Date.now()), false);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
