/**
 * Joins the posts of requests that run at the same time into one write: a write costs a disk's sync, however much it
 * carries, and small posts come by the thousand.
 *
 * Whoever finds nobody writing writes for all that wait, then wakes those whose posts it wrote and the first of those that came
 * meanwhile. In workerd a request's I/O and timers die with it, and it dies when its client hangs up; so nobody relies on being
 * woken, but looks by itself now and then. A writer that died is noticed by its lease; what it carried is written again, which
 * the receiver of the writes knows by the post's id.
 */

interface Entry<Item> {
  readonly item: Item;
  outcome: 'waiting' | 'written' | 'failed';
  error?: unknown;
  wake(): void;
}

interface Lease<Item> {
  readonly until: number;
  readonly entries: Entry<Item>[];
}

/** Most posts that one write carries; with it a write stays far below the limit of a message between Workers. */
const MAX_ITEMS = 32;
const MAX_WAITING = 4096;
/** For one that nobody woke. */
const LOOK_EVERY_MS = 50;
/** Longer than a write takes on a slow disk. */
const LEASE_MS = 3_000;

/** More posts wait than are taken. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}

export class GroupCommit<Item> {
  #waiting: Entry<Item>[] = [];
  #lease: Lease<Item> | null = null;

  /**
   * Returns once `item` is written.
   * @param write writes all items given, or throws; must take the same item twice without harm
   * @throws what `write` threw for the items it was called with; OverloadedError
   */
  async commit(item: Item, write: (items: Item[]) => Promise<void>): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) throw new OverloadedError(`${MAX_WAITING} posts wait to be written`);
    const entry: Entry<Item> = { item, outcome: 'waiting', wake: () => {} };
    this.#waiting.push(entry);
    while (entry.outcome === 'waiting') {
      if (this.#lease === null || this.#lease.until < Date.now()) await this.#writeWaiting(write);
      else await woken(entry);
    }
    if (entry.outcome === 'failed') throw entry.error;
  }

  async #writeWaiting(write: (items: Item[]) => Promise<void>): Promise<void> {
    const abandoned = this.#lease?.entries.filter(({ outcome }) => outcome === 'waiting') ?? [];
    const entries = [...abandoned, ...this.#waiting.splice(0, Math.max(1, MAX_ITEMS - abandoned.length))];
    const lease: Lease<Item> = { until: Date.now() + LEASE_MS, entries };
    this.#lease = lease;
    try {
      await write(entries.map(({ item }) => item));
      for (const entry of entries) entry.outcome = 'written';
    } catch (error) {
      for (const entry of entries) Object.assign(entry, { outcome: 'failed', error });
    } finally {
      if (this.#lease === lease) this.#lease = null;
      for (const entry of entries) entry.wake();
      this.#waiting[0]?.wake();
    }
  }
}

/** Between its ticks an interval is never without a timer: workerd ends a request that has nothing of its own to wait for. */
async function woken(entry: Entry<unknown>): Promise<void> {
  const woken = Promise.withResolvers<void>();
  entry.wake = woken.resolve;
  const looking = setInterval(woken.resolve, LOOK_EVERY_MS);
  await woken.promise;
  clearInterval(looking);
}
