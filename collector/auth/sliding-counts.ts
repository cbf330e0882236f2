/** Counts of attempts over the last minutes, in steps, so that what is old falls out and memory stays bounded. */
import type { Attempt } from './attempts.ts';

/** Other sides (sources of a user, users of a source) that are told apart in a step; more are counted as these. */
const MOST_OTHERS = 64;

interface Step {
  readonly step: number;
  first_ms: number;
  total: number;
  failed: number;
  succeeded: number;
  privileged: boolean;
  /** Failed attempts by other side. */
  readonly others: Map<string, number>;
}

export interface Counted {
  /** When the earliest attempt that counts was made. */
  readonly since_ms: number;
  readonly total: number;
  readonly failed: number;
  readonly succeeded: number;
  readonly privileged: boolean;
  readonly others: ReadonlySet<string>;
  readonly failedBy: ReadonlyMap<string, number>;
}

export class SlidingCounts {
  readonly #steps: Step[] = [];
  readonly #step_ms: number;
  readonly #kept: number;
  #changed = false;

  constructor(duration_ms: number, step_ms: number) {
    this.#step_ms = step_ms;
    this.#kept = Math.ceil(duration_ms / step_ms);
  }

  /** @param other source of a user, or user of a source @returns whether there was room to tell `other` apart */
  add({ outcome, attempts, privileged }: Attempt, other: string | undefined, at_ms: number): boolean {
    const step = this.#stepAt(Math.floor(at_ms / this.#step_ms));
    const failed = outcome === 'failure' ? attempts : 0;
    step.first_ms = Math.min(step.first_ms, at_ms);
    step.total += attempts;
    step.failed += failed;
    step.succeeded += attempts - failed;
    step.privileged ||= privileged;
    this.#changed = true;
    if (other === undefined) return true;
    if (!step.others.has(other) && step.others.size >= MOST_OTHERS) return false;
    step.others.set(other, (step.others.get(other) ?? 0) + failed);
    return true;
  }

  /** Whether anything was added since the last call. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  isEmptyAt(now_ms: number): boolean {
    this.#forget(now_ms);
    return this.#steps.length === 0;
  }

  at(now_ms: number): Counted {
    this.#forget(now_ms);
    const failedBy = new Map<string, number>();
    let [total, failed, succeeded, privileged, since_ms] = [0, 0, 0, false, now_ms];
    for (const step of this.#steps) {
      since_ms = Math.min(since_ms, step.first_ms);
      total += step.total;
      failed += step.failed;
      succeeded += step.succeeded;
      privileged ||= step.privileged;
      for (const [other, by] of step.others) failedBy.set(other, (failedBy.get(other) ?? 0) + by);
    }
    return { since_ms, total, failed, succeeded, privileged, others: new Set(failedBy.keys()), failedBy };
  }

  #stepAt(index: number): Step {
    const known = this.#steps.find(({ step }) => step === index);
    if (known) return known;
    const none = { total: 0, failed: 0, succeeded: 0, privileged: false };
    const added: Step = { step: index, first_ms: Number.POSITIVE_INFINITY, ...none, others: new Map() };
    this.#steps.push(added);
    return added;
  }

  #forget(now_ms: number): void {
    const oldest = Math.floor(now_ms / this.#step_ms) - this.#kept;
    const kept = this.#steps.filter(({ step }) => step > oldest);
    this.#steps.splice(0, this.#steps.length, ...kept);
  }
}
