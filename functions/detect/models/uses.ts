/** Who uses something right now. A use that never ends, since the platform ended its request, counts for a minute. */

/** Longer than any request waits for a load and judges. */
const LONGEST_USE_MS = 60_000;

export class Uses {
  readonly #begun = new Set<{ readonly at: number }>();

  /** @returns the end of it, which may be called again */
  begin(): () => void {
    const use = { at: Date.now() };
    this.#begun.add(use);
    return () => void this.#begun.delete(use);
  }

  get count(): number {
    const oldest = Date.now() - LONGEST_USE_MS;
    for (const use of this.#begun) {
      if (use.at >= oldest) break;
      this.#begun.delete(use);
    }
    return this.#begun.size;
  }
}
