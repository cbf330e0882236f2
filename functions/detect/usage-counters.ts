/** Counts what isolates see (windows, unknown fields) and hands it to the group's Incidents object every few seconds. */

const HAND_OVER_MS = 5_000;
const MAX_GROUPS = 64;

export type Usage = Record<'windows' | 'posts' | 'unknown_fields', number>;

export class UsageCounters {
  readonly #groups = new Map<string, Usage>();
  #handedOverAt = 0;

  add(group: string, usage: Usage): void {
    const sum = this.#groups.get(group);
    if (sum === undefined) {
      if (this.#groups.size < MAX_GROUPS) this.#groups.set(group, { ...usage });
      return;
    }
    sum.windows += usage.windows;
    sum.posts += usage.posts;
    sum.unknown_fields += usage.unknown_fields;
  }

  /** What gathered since the last time, once it is due (or `force`d); the caller delivers it. */
  take(now: number, force = false): [group: string, usage: Usage][] {
    if (!force && now - this.#handedOverAt < HAND_OVER_MS) return [];
    this.#handedOverAt = now;
    const taken = [...this.#groups];
    this.#groups.clear();
    return taken;
  }
}
