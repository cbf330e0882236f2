/** Keeps deliveries going: as many at once as the platform takes, few to one endpoint, so that a slow one keeps no other waiting. */
import type { Delivery, DeliveryQueue } from './delivery-queue.ts';
import { LEASE_MS } from './schedule.ts';

/** A Worker has six connections that wait for headers; what is beyond them would wait with its clock running. */
const MAX_UNDERWAY = 6;
const MAX_UNDERWAY_OF_ENDPOINT = 2;

export interface SenderContext {
  now(): number;
  endpoints(): string[];
  /** One attempt, whatever becomes of it. */
  attempt(delivery: Delivery): Promise<void>;
  /** Calls `start` at this time, milliseconds since the epoch; another call replaces it. */
  wakeAt(time: number): Promise<void>;
  waitUntil(work: Promise<unknown>): void;
}

export class Sender {
  readonly #queue: DeliveryQueue;
  readonly #context: SenderContext;
  /** Position of the delivery → its endpoint. */
  readonly #underway = new Map<number, string>();

  constructor(queue: DeliveryQueue, context: SenderContext) {
    this.#queue = queue;
    this.#context = context;
  }

  /** Starts what is due and has room, and sees to it that the rest is started in its time. */
  async start(): Promise<void> {
    for (const delivery of this.#startable()) this.#context.waitUntil(this.#send(delivery));
    const free = this.#underway.size < MAX_UNDERWAY ? this.#free() : [];
    const next = free.map((endpoint) => this.#queue.nextAt(endpoint)).filter((time) => time !== null);
    // What is under way calls again when it is done; the lease is for a crash before that.
    const lease = this.#underway.size > 0 ? this.#context.now() + LEASE_MS : null;
    const times = lease === null ? next : [...next, lease];
    if (times.length > 0) await this.#context.wakeAt(Math.min(...times));
  }

  /** Each endpoint in its turn, until nothing is due or nothing has room. */
  *#startable(): Generator<Delivery> {
    const now = this.#context.now();
    for (let found = true; found; ) {
      found = false;
      for (const endpoint of this.#free()) {
        if (this.#underway.size >= MAX_UNDERWAY) return;
        const delivery = this.#queue.takeDue(endpoint, now);
        if (delivery === null) continue;
        found = true;
        this.#underway.set(delivery.position, endpoint);
        yield delivery;
      }
    }
  }

  async #send(delivery: Delivery): Promise<void> {
    try {
      await this.#context.attempt(delivery);
    } finally {
      this.#underway.delete(delivery.position);
      await this.start();
    }
  }

  /** Endpoints that take one more; those with nothing under way come first. */
  #free(): string[] {
    const count = (endpoint: string): number =>
      [...this.#underway.values()].filter((other) => other === endpoint).length;
    return this.#context
      .endpoints()
      .map((endpoint) => ({ endpoint, underway: count(endpoint) }))
      .filter(({ underway }) => underway < MAX_UNDERWAY_OF_ENDPOINT)
      .sort((left, right) => left.underway - right.underway)
      .map(({ endpoint }) => endpoint);
  }
}
