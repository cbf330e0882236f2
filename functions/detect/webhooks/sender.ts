/** Keeps deliveries going: as many at once as the platform takes, few to one endpoint, so that a slow one keeps no other waiting. */
import type { Delivery, DeliveryQueue } from './delivery-queue.ts';
import { LEASE_MS } from './schedule.ts';

/** A Worker has six connections that wait for headers; what is beyond them would wait with its clock running. */
const MAX_UNDERWAY = 6;
const MAX_UNDERWAY_OF_ENDPOINT = 2;

export interface SenderContext {
  now(): number;
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
    while (this.#underway.size < MAX_UNDERWAY) {
      const delivery = this.#queue.takeDue(this.#context.now(), this.#busy());
      if (delivery === null) break;
      this.#underway.set(delivery.position, delivery.endpoint);
      this.#context.waitUntil(this.#send(delivery));
    }
    const next = this.#underway.size < MAX_UNDERWAY ? this.#queue.nextAt(this.#busy()) : null;
    // What is under way calls again when it is done; the lease is for a crash before that.
    const lease = this.#underway.size > 0 ? this.#context.now() + LEASE_MS : null;
    const times = [next, lease].filter((time) => time !== null);
    if (times.length > 0) await this.#context.wakeAt(Math.min(...times));
  }

  async #send(delivery: Delivery): Promise<void> {
    try {
      await this.#context.attempt(delivery);
    } finally {
      this.#underway.delete(delivery.position);
      await this.start();
    }
  }

  #busy(): string[] {
    const endpoints = [...this.#underway.values()];
    return [...new Set(endpoints)].filter(
      (endpoint) => endpoints.filter((other) => other === endpoint).length >= MAX_UNDERWAY_OF_ENDPOINT,
    );
  }
}
