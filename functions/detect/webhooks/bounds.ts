/** What the bounds of the queue take, and what an owner gives up: counted by group, and told in the log. */
import type { Counters } from './counters.ts';
import { type DeliveryQueue, MAX_DEAD, MAX_WAITING } from './delivery-queue.ts';
import type { Outcome } from './figures.ts';

export class Bounds {
  readonly #queue: DeliveryQueue;
  readonly #counters: Counters;

  constructor(queue: DeliveryQueue, counters: Counters) {
    this.#queue = queue;
    this.#counters = counters;
  }

  /** All that waits for an endpoint becomes dead letters. */
  bury(endpoint: string, reason: string, now: number): void {
    this.#count('dead', this.#queue.bury(endpoint, reason, now), { endpoint, reason });
    this.keepDead(endpoint);
  }

  /** All that an endpoint has is dropped with it. @returns how much that was */
  drop(endpoint: string): number {
    const groups = this.#queue.drop(endpoint);
    this.#count('dropped_deleted', groups, { endpoint, reason: 'the endpoint was removed' });
    return groups.length;
  }

  keepWaiting(now: number): void {
    const buried = this.#queue.buryOldest(now);
    const groups = buried.map(({ group }) => group);
    this.#count('dead', groups, { reason: `more than ${MAX_WAITING} messages waited` });
    for (const endpoint of new Set(buried.map((letter) => letter.endpoint))) this.keepDead(endpoint);
  }

  keepDead(endpoint: string): void {
    const groups = this.#queue.dropOldestDead(endpoint);
    this.#count('dropped_full', groups, { endpoint, reason: `more than ${MAX_DEAD} dead letters` });
  }

  dropExpired(now: number): void {
    this.#count('dropped_expired', this.#queue.dropExpired(now), { reason: 'dead letters past their age' });
  }

  #count(outcome: Outcome, groups: readonly string[], facts: object): void {
    if (groups.length === 0) return;
    for (const group of groups) this.#counters.add(group, outcome);
    const event = outcome === 'dead' ? 'webhook_dead_letters' : 'webhooks_dropped';
    console.warn(JSON.stringify({ level: 'warn', event, count: groups.length, ...facts }));
  }
}
