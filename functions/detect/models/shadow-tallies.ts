/** Counts how a shadow version judges beside the live one, until the group's Incidents object takes it. */
import type { ShadowTally } from '../../../contract/model-list.ts';

const HAND_OVER_MS = 5_000;
/** The shadow judges one post of a group in this time, so that it costs next to nothing. */
const JUDGE_EVERY_MS = 1_000;
const MAX_GROUPS = 64;

export class ShadowTallies {
  readonly #tallies = new Map<string, ShadowTally>();
  readonly #judgedAt = new Map<string, number>();
  #handedOverAt = 0;

  /** Whether a post of the group is to be judged by its shadow now. */
  isDue(group: string, now: number): boolean {
    if (now - (this.#judgedAt.get(group) ?? 0) < JUDGE_EVERY_MS) return false;
    if (!this.#judgedAt.has(group) && this.#judgedAt.size >= MAX_GROUPS) this.#judgedAt.clear();
    this.#judgedAt.set(group, now);
    return true;
  }

  add(group: string, tally: ShadowTally): void {
    const sum = this.#tallies.get(group);
    this.#tallies.set(group, sum?.version === tally.version ? added(sum, tally) : tally);
  }

  /** What gathered since the last time, once it is due (or `force`d); the caller delivers it. */
  take(now: number, force = false): [group: string, tally: ShadowTally][] {
    if (!force && now - this.#handedOverAt < HAND_OVER_MS) return [];
    this.#handedOverAt = now;
    const taken = [...this.#tallies];
    this.#tallies.clear();
    return taken;
  }
}

function added(one: ShadowTally, other: ShadowTally): ShadowTally {
  return {
    version: one.version,
    windows: one.windows + other.windows,
    live_alerts: one.live_alerts + other.live_alerts,
    shadow_alerts: one.shadow_alerts + other.shadow_alerts,
    both_alerts: one.both_alerts + other.both_alerts,
  };
}
