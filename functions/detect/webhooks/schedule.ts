/** When a delivery is tried again, and when an endpoint is given up: as receivers know it from Svix. https://docs.svix.com/retries */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Waits after each failed attempt; the first attempt is made at once, and after the last comes the dead letter. */
const RETRY_AFTER_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];

/** An answer that takes longer is none. */
export const TIMEOUT_MS = 15 * SECOND;
/** An attempt whose outcome was never written down (a crash) counts as failed after this long. */
export const LEASE_MS = 2 * TIMEOUT_MS;
const DISABLE_AFTER_MS = 5 * DAY;
/** Where nothing was tried for so long, nothing is known: the clock of failing starts again. */
const FORGET_AFTER_MS = DAY;
/** A secret that was replaced signs for so long beside the new one. */
export const ROTATION_MS = DAY;
export const DEAD_LETTER_AGE_MS = 30 * DAY;

/** The wait after so many attempts, all of them failed; null: give up. */
export function retryAfterMs(attempts: number): number | null {
  return RETRY_AFTER_MS[attempts - 1] ?? null;
}

export interface Failing {
  /** Milliseconds since the epoch; null while the last attempt succeeded. */
  readonly since: number | null;
  readonly lastAt: number | null;
}

/** What is known after one more failed attempt at `now`. */
export function failedAt({ since, lastAt }: Failing, now: number): { since: number; lastAt: number; giveUp: boolean } {
  const goesOn = since !== null && lastAt !== null && now - lastAt < FORGET_AFTER_MS;
  const start = goesOn ? since : now;
  return { since: start, lastAt: now, giveUp: now - start >= DISABLE_AFTER_MS };
}
