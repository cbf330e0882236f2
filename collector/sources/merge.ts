/** Items of several producers as one stream; each producer waits until its item is taken, so none piles up. */

export class Merge<T> {
  readonly #offered: { readonly item: T; readonly taken: () => void }[] = [];
  #wake = (): void => {};
  #isOver = false;

  /** Resolves once the item is taken, or nobody takes any more. */
  put(item: T): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((taken) => {
      this.#offered.push({ item, taken });
      this.#wake();
    });
  }

  /** No more will be put. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        const next = this.#offered.shift();
        if (next) {
          next.taken();
          yield next.item;
        } else if (this.#isOver) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.#isOver = true;
      for (const { taken } of this.#offered.splice(0)) taken();
    }
  }
}
