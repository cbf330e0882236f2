/** The one Durable Object of the deployment that knows the endpoints of webhooks, and brings each what it asked for. */
import { DurableObject } from 'cloudflare:workers';
import {
  DEFAULT_ENDPOINT,
  type DeadLetterPage,
  type EndpointPatch,
  type EndpointView,
  type NewEndpoint,
} from '../../../contract/webhook-endpoint.ts';
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import { readWebhookSettings, type UncheckedBindings } from '../bindings.ts';
import { Bounds } from './bounds.ts';
import { Counters } from './counters.ts';
import { deliver } from './deliver.ts';
import { type Delivery, DeliveryQueue } from './delivery-queue.ts';
import { type Endpoint, EndpointStore, MAX_ENDPOINTS } from './endpoint-store.ts';
import { viewOf } from './endpoint-view.ts';
import { factsOf, isAddressed } from './event-facts.ts';
import { figuresByGroup, type WebhookFigures } from './figures.ts';
import type { Message } from './message.ts';
import { noEndpoint, ofEnvironment, type Refusal } from './refusal.ts';
import { refuseTarget } from './refuse-target.ts';
import { ROTATION_MS } from './schedule.ts';
import { inForce, MAX_SECRETS, newSecret, rotated } from './secrets.ts';
import { Sender } from './sender.ts';
import { secretsOf, targetOf } from './target.ts';

const NOT_SET = 'WEBHOOK_URL is not set';
const BY_OWNER = 'its owner disabled the endpoint';
const GIVEN_UP = 'every attempt of five days failed';

export interface WebhookState {
  readonly endpoints: number;
  readonly disabled: number;
  /** Why WEBHOOK_URL is not allowed; null: it is, or is not set. */
  readonly refused: string | null;
}

/** A `group` that is given is a token's: it reaches the endpoints that are for this group alone. */
export class Webhooks extends DurableObject<UncheckedBindings> {
  readonly #endpoints: EndpointStore;
  readonly #queue: DeliveryQueue;
  readonly #counters: Counters;
  readonly #bounds: Bounds;
  readonly #sender: Sender;
  readonly #allowPrivate: boolean;

  constructor(ctx: DurableObjectState, env: UncheckedBindings) {
    super(ctx, env);
    const { url, secret, allowPrivate } = readWebhookSettings(env);
    this.#allowPrivate = allowPrivate;
    this.#endpoints = new EndpointStore(ctx.storage.sql);
    this.#queue = new DeliveryQueue(ctx.storage.sql);
    this.#counters = new Counters(ctx.storage.sql);
    this.#bounds = new Bounds(this.#queue, this.#counters);
    this.#sender = new Sender(this.#queue, {
      now: () => this.now(),
      endpoints: () => this.#endpoints.ids(),
      attempt: (delivery) => this.#attempt(delivery),
      wakeAt: (time) => ctx.storage.setAlarm(Date.now() + time - this.now()),
      waitUntil: (work) => ctx.waitUntil(work),
    });
    if (url !== null) this.#endpoints.setDefault(url, secret);
    else if (this.#endpoints.find(DEFAULT_ENDPOINT) !== null) {
      this.#bounds.bury(DEFAULT_ENDPOINT, NOT_SET, Date.now());
      this.#endpoints.remove(DEFAULT_ENDPOINT);
    }
  }

  /** Milliseconds since the epoch; a test may be ahead of the clock. */
  protected now(): number {
    return Date.now();
  }

  /** Takes messages for every endpoint that asks for such; they are durable once this returned, and one that comes again is known. */
  async take(messages: Message[]): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      for (const message of messages)
        if (this.#queue.know(message.id)) this.#enqueue(message, message.group === '' ? [] : [message.group]);
      this.#bounds.keepWaiting(this.now());
    });
    await this.#sender.start();
  }

  override async alarm(): Promise<void> {
    this.#bounds.dropExpired(this.now());
    await this.#sender.start();
  }

  list(group: string | null): EndpointView[] {
    const counts = this.#queue.counts();
    const own = this.#endpoints.all().filter((endpoint) => isReached(endpoint, group));
    return own.map((endpoint) => viewOf(endpoint, counts, this.now()));
  }

  get(id: string, group: string | null): EndpointView | Refusal {
    const endpoint = this.#find(id, group);
    return endpoint === null ? noEndpoint(id) : viewOf(endpoint, this.#queue.counts(), this.now());
  }

  /** @returns the secret that signs, this once; null where the format knows none */
  create(wanted: NewEndpoint): { id: string; secret: string | null } | Refusal {
    const { id, filter } = wanted;
    if (this.#endpoints.find(id) !== null) return { refused: 409, detail: `There is an endpoint "${id}" already.` };
    if (this.#endpoints.all().length >= MAX_ENDPOINTS)
      return { refused: 409, detail: `There are ${MAX_ENDPOINTS} endpoints, as many as may be; remove one first.` };
    const refusal = refuseTarget(wanted.url, this.#allowPrivate);
    if (refusal !== null) return { refused: 400, detail: refusal, path: 'url' };
    const target = targetOf(wanted);
    this.#endpoints.add(id, target, filter);
    return { id, secret: secretsOf(target)[0]?.value ?? null };
  }

  change(id: string, { url, filter, enabled }: EndpointPatch, group: string | null): EndpointView | Refusal {
    const endpoint = this.#find(id, group);
    if (endpoint === null) return noEndpoint(id);
    if (url !== undefined && id === DEFAULT_ENDPOINT) return ofEnvironment('change its URL');
    const refusal = url === undefined ? null : refuseTarget(url, this.#allowPrivate);
    if (refusal !== null) return { refused: 400, detail: refusal, path: 'url' };
    this.#endpoints.change(endpoint, {
      ...(url !== undefined && { target: { ...endpoint.target, url } }),
      ...(filter !== undefined && { filter }),
      ...(enabled !== undefined && { enabled }),
    });
    if (enabled === false) this.#bounds.bury(id, BY_OWNER, this.now());
    return this.get(id, null);
  }

  /** @returns how many messages, waiting and dead, went with it */
  remove(id: string, group: string | null): { dropped: number } | Refusal {
    if (this.#find(id, group) === null) return noEndpoint(id);
    if (id === DEFAULT_ENDPOINT) return ofEnvironment('unset them');
    this.#endpoints.remove(id);
    return { dropped: this.#bounds.drop(id) };
  }

  /** A new secret; those before it sign too for a day. */
  rotate(id: string, group: string | null): { secret: string; previous_until: string } | Refusal {
    const endpoint = this.#find(id, group);
    if (endpoint === null) return noEndpoint(id);
    if (id === DEFAULT_ENDPOINT) return ofEnvironment('set another secret');
    const { target } = endpoint;
    if (!('secrets' in target))
      return { refused: 409, detail: `${target.format} knows no signatures: the URL or the key is the secret.` };
    const now = this.now();
    if (inForce(target.secrets, now).length >= MAX_SECRETS)
      return { refused: 409, detail: `${MAX_SECRETS} secrets sign already; the oldest ends within a day.` };
    const secret = newSecret();
    this.#endpoints.change(endpoint, { target: { ...target, secrets: rotated(target.secrets, secret, now) } });
    return { secret, previous_until: new Date(now + ROTATION_MS).toISOString() };
  }

  /** One attempt with a message made for it, also to an endpoint that is disabled; nothing is repeated or counted. */
  async test(id: string, group: string | null): Promise<{ delivered: boolean; error: string | null } | Refusal> {
    const endpoint = this.#find(id, group);
    if (endpoint === null) return noEndpoint(id);
    const event = newEvent('webhook.test', { endpoint: id }, this.now());
    const error = await deliver({ id: newId(), event }, endpoint.target, this.#allowPrivate, new Date(this.now()));
    return { delivered: error === null, error };
  }

  dead(id: string, limit: number, cursor: string | null, group: string | null): DeadLetterPage | Refusal {
    return this.#find(id, group) === null ? noEndpoint(id) : this.#queue.dead(id, limit, cursor);
  }

  /** Sends one dead letter, or all, again with a fresh schedule and the same ids. */
  async replay(id: string, message: string | null, group: string | null): Promise<{ replayed: number } | Refusal> {
    const endpoint = this.#find(id, group);
    if (endpoint === null) return noEndpoint(id);
    if (!endpoint.enabled) return { refused: 409, detail: `The endpoint "${id}" is disabled; enable it first.` };
    const replayed = this.#queue.replay(id, { message, group: null }, this.now());
    if (message !== null && replayed === 0)
      return { refused: 404, detail: `There is no dead letter ${JSON.stringify(message.slice(0, 100))}.` };
    await this.#sender.start();
    return { replayed };
  }

  /** Every dead letter of a group, to whatever endpoint is enabled. @returns how many are on their way again */
  async replayGroup(group: string): Promise<number> {
    const enabled = this.#endpoints.all().filter((endpoint) => endpoint.enabled);
    const now = this.now();
    const replayed = enabled.reduce((sum, { id }) => sum + this.#queue.replay(id, { message: null, group }, now), 0);
    await this.#sender.start();
    return replayed;
  }

  figures(): Record<string, WebhookFigures> {
    return figuresByGroup(this.#queue.counts(), this.#counters.byGroup());
  }

  state(): WebhookState {
    const all = this.#endpoints.all();
    const byDefault = all.find(({ id }) => id === DEFAULT_ENDPOINT);
    return {
      endpoints: all.length,
      disabled: all.filter(({ enabled }) => !enabled).length,
      refused: byDefault === undefined ? null : refuseTarget(byDefault.target.url, this.#allowPrivate),
    };
  }

  #find(id: string, group: string | null): Endpoint | null {
    const endpoint = this.#endpoints.find(id);
    return endpoint !== null && isReached(endpoint, group) ? endpoint : null;
  }

  /** For one that was given up it becomes a dead letter at once; one that its owner disabled gets nothing. */
  #enqueue(message: Message, groups: readonly string[]): void {
    const facts = factsOf(message.event, groups);
    const now = this.now();
    for (const { id, target, filter, enabled, disabledReason } of this.#endpoints.all()) {
      if (!isAddressed(target.format, filter, facts) || (!enabled && disabledReason === null)) continue;
      this.#queue.add(message, id, now);
      if (!enabled) this.#bounds.bury(id, `the endpoint is disabled: ${disabledReason}`, now);
    }
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const endpoint = this.#endpoints.find(delivery.endpoint);
    if (endpoint === null) return;
    const error = await deliver(delivery, endpoint.target, this.#allowPrivate, new Date(this.now()));
    this.ctx.storage.transactionSync(() => {
      if (error === null) this.#succeeded(delivery);
      else this.#failed(delivery, error);
    });
  }

  #succeeded(delivery: Delivery): void {
    const now = this.now();
    this.#queue.succeeded(delivery, now);
    this.#endpoints.succeeded(delivery.endpoint, now);
    this.#counters.add(delivery.group, 'delivered');
  }

  #failed(delivery: Delivery, error: string): void {
    const { id, endpoint: name, group, attempts: attempt } = delivery;
    const now = this.now();
    const dead = this.#queue.failed(delivery, error, now);
    this.#counters.add(group, dead ? 'dead' : 'failed');
    const event = dead ? 'webhook_dead_letter' : 'webhook_failed';
    console.warn(JSON.stringify({ level: 'warn', event, endpoint: name, id, attempt, error }));
    if (dead) this.#bounds.keepDead(name);
    // Asked anew: much may have happened to it while the receiver kept us waiting.
    const endpoint = this.#endpoints.find(name);
    if (endpoint?.enabled && this.#endpoints.failed(endpoint, error, now)) this.#giveUp(endpoint, error);
  }

  #giveUp({ id, filter }: Endpoint, error: string): void {
    this.#endpoints.disable(id, GIVEN_UP);
    this.#bounds.bury(id, GIVEN_UP, this.now());
    console.error(JSON.stringify({ level: 'error', event: 'webhook_disabled', endpoint: id, reason: GIVEN_UP, error }));
    const facts = { endpoint: id, reason: GIVEN_UP, last_error: error, groups: filter.groups };
    this.#enqueue({ id: newId(), group: '', event: newEvent('webhook.disabled', facts, this.now()) }, filter.groups);
    this.#bounds.keepWaiting(this.now());
  }
}

function isReached({ filter }: Endpoint, group: string | null): boolean {
  return group === null || (filter.groups.length === 1 && filter.groups[0] === group);
}

function newId(): string {
  return `msg_${crypto.randomUUID().replaceAll('-', '')}`;
}

function newEvent(type: WebhookEvent['type'], data: Record<string, unknown>, now: number): WebhookEvent {
  return { type, timestamp: new Date(now).toISOString(), data };
}
