/**
 * Joins the posts of requests that run at the same time into one piece of work: a write costs a disk's sync and a model's run its
 * own price, however much they carry, and small posts come by the thousand.
 *
 * Whoever finds nobody working works for all that wait, then wakes those whose posts it did and the first of those that came
 * meanwhile. In workerd a request's I/O and timers die with it, and it dies when its client hangs up; so nobody relies on being
 * woken, but looks by itself now and then. A worker that died is noticed by its lease; what it carried is done again, which
 * whoever stores it knows by the post's id.
 */

interface Entry<Item, Answer> {
  readonly item: Item;
  outcome: PromiseSettledResult<Answer> | null;
  wake(): void;
}

interface Lease<Item, Answer> {
  readonly until: number;
  readonly entries: Entry<Item, Answer>[];
}

/** Does all items given: the outcome of each, in order, or throws for all of them. Must take the same item twice without harm. */
export type Work<Item, Answer> = (items: Item[]) => Promise<PromiseSettledResult<Answer>[]>;

/** Most posts that are done at once; with it what is written stays far below the limit of a message between Workers. */
const MAX_ITEMS = 32;
const MAX_WAITING = 4096;
/** For one that nobody woke. */
const LOOK_EVERY_MS = 50;
/** Longer than a write takes on a slow disk. */
const LEASE_MS = 3_000;

const NO_OUTCOME = { status: 'rejected', reason: new TypeError('a post was left without an outcome') } as const;

/** More posts wait than are taken. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}

export class GroupCommit<Item, Answer> {
  #waiting: Entry<Item, Answer>[] = [];
  #lease: Lease<Item, Answer> | null = null;
  readonly #sizeOf: (item: Item) => number;
  readonly #maxSize: number;

  /** @param maxSize items whose sizes together are larger are not done at once */
  constructor(sizeOf: (item: Item) => number, maxSize: number) {
    this.#sizeOf = sizeOf;
    this.#maxSize = maxSize;
  }

  /**
   * Returns once `item` is done.
   * @throws what became of the item, or what `work` threw; OverloadedError
   */
  async commit(item: Item, work: Work<Item, Answer>): Promise<Answer> {
    if (this.#waiting.length >= MAX_WAITING) throw new OverloadedError(`${MAX_WAITING} posts wait to be written`);
    const entry: Entry<Item, Answer> = { item, outcome: null, wake: () => {} };
    this.#waiting.push(entry);
    while (entry.outcome === null) {
      if (this.#lease === null || this.#lease.until < Date.now()) await this.#doWaiting(work);
      else await woken(entry);
    }
    if (entry.outcome.status === 'rejected') throw entry.outcome.reason;
    return entry.outcome.value;
  }

  async #doWaiting(work: Work<Item, Answer>): Promise<void> {
    const entries = this.#next();
    const lease = { until: Date.now() + LEASE_MS, entries };
    this.#lease = lease;
    try {
      const outcomes = await work(entries.map(({ item }) => item));
      for (const [i, entry] of entries.entries()) entry.outcome = outcomes[i] ?? NO_OUTCOME;
    } catch (reason) {
      for (const entry of entries) entry.outcome = { status: 'rejected', reason };
    } finally {
      if (this.#lease === lease) this.#lease = null;
      for (const entry of entries) entry.wake();
      this.#waiting[0]?.wake();
    }
  }

  /** What a worker that died left, then those that wait longest, as many as are done at once. */
  #next(): Entry<Item, Answer>[] {
    const entries = this.#lease?.entries.filter(({ outcome }) => outcome === null) ?? [];
    let size = 0;
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      size += this.#sizeOf(first.item);
      if (entries.length > 0 && (entries.length >= MAX_ITEMS || size > this.#maxSize)) break;
      entries.push(first);
      this.#waiting.shift();
    }
    return entries;
  }
}

/** Between its ticks an interval is never without a timer: workerd ends a request that has nothing of its own to wait for. */
async function woken(entry: Entry<unknown, unknown>): Promise<void> {
  const woken = Promise.withResolvers<void>();
  entry.wake = woken.resolve;
  const looking = setInterval(woken.resolve, LOOK_EVERY_MS);
  await woken.promise;
  clearInterval(looking);
}
