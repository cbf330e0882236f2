/** Waits for a server that was just started. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Returns once `url` answers with success. @throws Error where it does not in time */
export async function answers(url: string, within_ms: number): Promise<void> {
  const deadline = Date.now() + within_ms;
  while (!(await fetch(url).catch(() => null))?.ok) {
    if (Date.now() > deadline) throw new Error(`${url} did not answer within ${within_ms} ms`);
    await sleep(50);
  }
}
