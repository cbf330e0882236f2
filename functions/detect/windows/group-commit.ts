/**
 * Joins the posts of requests that run at the same time into one write: whoever comes first writes for all that
 * gathered, the rest wait. One write costs about as much as twenty, and small posts come by the thousand.
 *
 * In workerd a request's I/O dies with it, so that no background loop can do this: leadership passes from request to
 * request, each leads one write that carries its own post, and the platform is told to keep the leader alive.
 */

interface Waiting<Item> {
  readonly item: Item;
  settle(turn: 'done' | 'lead'): void;
  fail(error: unknown): void;
}

/** Most posts that one write carries; keeps a single call to the buffer below its message limit. */
const MAX_ITEMS = 64;

export class GroupCommit<Item> {
  #writing = false;
  #waiting: Waiting<Item>[] = [];

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
    if (this.#writing) {
      const turn = await new Promise<'done' | 'lead'>((settle, fail) => this.#waiting.push({ item, settle, fail }));
      if (turn === 'done') return;
    }
    this.#writing = true;
    const lead = this.#lead(item, write);
    waitUntil(lead.catch(() => undefined));
    await lead;
  }

  async #lead(own: Item, write: (items: Item[]) => Promise<void>): Promise<void> {
    const followers = this.#waiting.splice(0, MAX_ITEMS - 1);
    try {
      await write([own, ...followers.map(({ item }) => item)]);
      for (const follower of followers) follower.settle('done');
    } catch (error) {
      for (const follower of followers) follower.fail(error);
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#writing = false;
      else next.settle('lead');
    }
  }
}
