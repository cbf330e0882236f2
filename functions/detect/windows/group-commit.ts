/**
 * Joins the posts of requests that run at the same time into one write: whoever comes first writes for all that
 * gathered, the rest wait. A write costs a disk's sync, however much it carries, and small posts come by the thousand.
 *
 * In workerd a request's I/O dies with it, so that no background loop can do this: leadership passes from request to
 * request, each leads one write that carries its own post, and the platform is told to keep every one of them alive
 * until its turn is over, also when its client hangs up.
 */

interface Waiting<Item> {
  readonly item: Item;
  settle(turn: 'done' | 'lead'): void;
  fail(error: unknown): void;
}

/** Most posts that one write carries; keeps a single call to the buffer below its message limit. */
const MAX_ITEMS = 32;
/** Under load the leader waits this long for company. */
const GATHER_MS = 2;
/** A leader that is silent for so long was killed by the platform; whoever comes next leads. */
const LOST_LEADER_MS = 30_000;

export class GroupCommit<Item> {
  #leadingSince: number | null = null;
  #crowded = false;
  readonly #waiting: Waiting<Item>[] = [];

  /**
   * Returns once `item` is written.
   * @param write writes all items given, or throws
   * @throws what `write` threw for the batch that carried the item
   */
  async commit(
    item: Item,
    write: (items: Item[]) => Promise<void>,
    waitUntil: (work: Promise<unknown>) => void,
  ): Promise<void> {
    const work = this.#waitOrLead(item, write);
    waitUntil(work.catch(() => undefined)); // the caller below hears of the failure
    await work;
  }

  async #waitOrLead(item: Item, write: (items: Item[]) => Promise<void>): Promise<void> {
    if (this.#leadingSince !== null && Date.now() - this.#leadingSince < LOST_LEADER_MS) {
      const turn = await new Promise<'done' | 'lead'>((settle, fail) => this.#waiting.push({ item, settle, fail }));
      if (turn === 'done') return;
    }
    this.#leadingSince = Date.now();
    if (this.#crowded) await scheduler.wait(GATHER_MS);
    const followers = this.#waiting.splice(0, MAX_ITEMS - 1);
    this.#crowded = followers.length > 0;
    try {
      await write([item, ...followers.map((follower) => follower.item)]);
      for (const follower of followers) follower.settle('done');
    } catch (error) {
      for (const follower of followers) follower.fail(error);
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#leadingSince = null;
      else next.settle('lead');
    }
  }
}
