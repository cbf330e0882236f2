/** The Webhooks object, a receiver, and for each test an endpoint's id of its own. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { Incident } from '../contract/incident.ts';
import { newEndpoint } from '../contract/webhook-endpoint.ts';
import type { WebhookEvent } from '../contract/webhook-event.ts';
import { incidentEvent } from '../functions/detect/incidents/finding.ts';
import type { Message } from '../functions/detect/webhooks/message.ts';
import { type Delivery, type Receiver, webhookReceiver } from './edge-fixture.ts';
import { incident } from './made-incidents.ts';
import { type WebhooksInWorkerd, webhooksInWorkerd } from './webhooks-in-workerd.ts';

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;

export interface EndpointStage {
  readonly webhooks: WebhooksInWorkerd;
  /** Answers 204 as a test begins. */
  receiver: Receiver;
  /** Of the test's own endpoint, once it is added. */
  readonly id: string;
  add(fields?: object): ReturnType<WebhooksInWorkerd['create']>;
  /** How many dead letters the endpoint has. */
  dead(): Promise<number>;
  /** Until nothing waits for the endpoint. */
  settled(id?: string): Promise<void>;
  /** Types of the events that the receiver was told. */
  typesReceived(): string[];
}

/** Starts them before the tests of a file, and stops them behind. */
export function endpointStage(): EndpointStage {
  let webhooks: WebhooksInWorkerd;
  let receiver: Receiver;
  let endpoints = 0;
  const idNow = (): string => `endpoint-${endpoints}`;
  beforeAll(async () => {
    webhooks = await webhooksInWorkerd();
    receiver = await webhookReceiver();
  });
  afterAll(async () => {
    await webhooks.stop();
    await receiver.close();
  });
  beforeEach(() => {
    endpoints++;
    receiver.deliveries.length = 0;
    receiver.answerWith(204);
  });
  afterEach(async () => {
    for (const endpoint of await webhooks.list()) await webhooks.remove(endpoint.id);
  });
  return {
    get webhooks() {
      return webhooks;
    },
    get receiver() {
      return receiver;
    },
    set receiver(next) {
      receiver = next;
    },
    get id() {
      return idNow();
    },
    add: (fields = {}) =>
      webhooks.create(newEndpoint.parse({ id: idNow(), format: 'ocsf', url: receiver.url, ...fields })),
    dead: async () => (await webhooks.get(idNow())).dead,
    settled: (id = idNow()) => expect.poll(async () => (await webhooks.get(id)).waiting).toBe(0),
    typesReceived: () => receiver.deliveries.map(({ body }) => (JSON.parse(body) as WebhookEvent).type),
  };
}

let messages = 0;

/** What one group tells of an incident. */
export function told(
  type: Parameters<typeof incidentEvent>[0] = 'threat.detected',
  fields: Partial<Incident> = {},
): Message {
  const about = incident(fields);
  return { id: `msg_${++messages}`, group: about.group, event: incidentEvent(type, about, new Date()) };
}

export const idOf = ({ headers }: Delivery): string => String(headers['webhook-id']);

/** Time for what must not come. */
export const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));
