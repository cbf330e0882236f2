/** Several endpoints: each is told what it asked for, in its format and in order, over hours of failure, and never twice under two ids. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Incident } from '../contract/incident.ts';
import { endpointFilter, newEndpoint } from '../contract/webhook-endpoint.ts';
import type { WebhookEvent } from '../contract/webhook-event.ts';
import { incidentEvent, modelEvent } from '../functions/detect/incidents/finding.ts';
import type { Message } from '../functions/detect/webhooks/message.ts';
import { type Delivery, type Receiver, webhookReceiver } from './edge-fixture.ts';
import { incident } from './made-incidents.ts';
import { type WebhooksInWorkerd, webhooksInWorkerd } from './webhooks-in-workerd.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

let messages = 0;
type IncidentEventType = Parameters<typeof incidentEvent>[0];
function told(type: IncidentEventType = 'threat.detected', fields: Partial<Incident> = {}): Message {
  const about = incident(fields);
  return { id: `msg_${++messages}`, group: about.group, event: incidentEvent(type, about, new Date()) };
}

let webhooks: WebhooksInWorkerd;
let receiver: Receiver;
let endpoints = 0;
let id = '';

beforeAll(async () => {
  webhooks = await webhooksInWorkerd();
  receiver = await webhookReceiver();
});
afterAll(async () => {
  await webhooks.stop();
  await receiver.close();
});
beforeEach(() => {
  id = `endpoint-${++endpoints}`;
  receiver.deliveries.length = 0;
  receiver.answerWith(204);
});
afterEach(async () => {
  for (const endpoint of await webhooks.list()) await webhooks.remove(endpoint.id);
});

const add = (fields: object = {}): ReturnType<WebhooksInWorkerd['create']> =>
  webhooks.create(newEndpoint.parse({ id, format: 'ocsf', url: receiver.url, ...fields }));
const idOf = ({ headers }: Delivery): string => String(headers['webhook-id']);
const typesReceived = (): string[] => receiver.deliveries.map(({ body }) => (JSON.parse(body) as WebhookEvent).type);
/** Time for what must not come. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));
const deadOf = async (): Promise<number> => (await webhooks.get(id)).dead;
const settled = (name = id): Promise<void> => expect.poll(async () => (await webhooks.get(name)).waiting).toBe(0);

describe('the schedule', () => {
  it('is at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, under one id, and then the dead letter', async () => {
    await add();
    receiver.answerWith(500);
    const message = told();
    await webhooks.take([message]);
    await receiver.received(1);
    const waits = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];
    for (const [attempt, wait] of waits.entries()) {
      await expect.poll(async () => (await webhooks.get(id)).failing_since).not.toBeNull();
      await webhooks.advance(wait - 3 * SECOND);
      await aWhile();
      expect(receiver.deliveries).toHaveLength(attempt + 1);
      await webhooks.advance(3 * SECOND);
      await receiver.received(attempt + 2);
      await aWhile();
    }
    expect(new Set(receiver.deliveries.map(idOf))).toEqual(new Set([message.id]));
    expect(new Set(receiver.deliveries.map(({ body }) => body)).size).toBe(1);
    await expect.poll(deadOf).toBe(1);
    expect(await webhooks.dead(id)).toMatchObject([
      { message: message.id, event: 'threat.detected', attempts: 8, last_error: 'the receiver answered 500' },
    ]);
    await webhooks.advance(20 * HOUR);
    await aWhile();
    expect(receiver.deliveries).toHaveLength(8);
  });

  it.each([[302], [404], [410], [503]])('%i is a failure, and no redirect is followed', async (status) => {
    await add();
    receiver.answerWith(status, 204);
    await webhooks.take([told()]);
    await receiver.received(1);
    await expect.poll(async () => (await webhooks.get(id)).last_error).toBe(`the receiver answered ${status}`);
    await webhooks.advance(5 * SECOND);
    await receiver.received(2);
    await settled();
    expect(receiver.deliveries).toHaveLength(2);
  });

  it('an answer after 15 s is none, and a receiver that hangs keeps no other waiting', async () => {
    const sockets = new Set<{ end(): void }>();
    const slow = createServer((_, response) => sockets.add(response));
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    try {
      await add({ url: `http://127.0.0.1:${(slow.address() as AddressInfo).port}/` });
      await webhooks.create(newEndpoint.parse({ id: 'quick', format: 'ocsf', url: receiver.url }));
      const startedAt = Date.now();
      const flood = Array.from({ length: 12 }, (_, i) => told('threat.detected', { id: `i${i}.web` }));
      await webhooks.take(flood);
      await receiver.received(12, 5_000);
      expect(sockets.size).toBe(2);
      await expect
        .poll(async () => (await webhooks.get(id)).last_error, { timeout: 20_000 })
        .toBe('no answer within 15 s');
      expect(Date.now() - startedAt).toBeGreaterThan(14_500);
    } finally {
      for (const socket of sockets) socket.end();
      slow.closeAllConnections();
      await new Promise((resolve) => slow.close(resolve));
    }
  });
});

it('a receiver that is down an hour loses nothing, gets each message once and in the order of its incident', async () => {
  const { port } = new URL(receiver.url);
  await receiver.close();
  await add();
  const incidents = Array.from({ length: 30 }, (_, i) => `incident-${i}.web`);
  const detected = incidents.map((about) => told('threat.detected', { id: about }));
  const resolved = incidents.map((about) => told('incident.resolved', { id: about, state: 'resolved' }));
  await webhooks.take(detected);
  await webhooks.advance(MINUTE);
  await webhooks.take(resolved);
  for (let minutes = 1; minutes < 60; minutes += 10) {
    await webhooks.advance(10 * MINUTE);
    await aWhile();
  }
  expect((await webhooks.get(id)).waiting).toBe(60);

  receiver = await webhookReceiver(Number(port));
  await webhooks.advance(2 * HOUR);
  await receiver.received(60);
  await aWhile();
  expect(receiver.deliveries.map(idOf).sort()).toEqual([...detected, ...resolved].map((message) => message.id).sort());
  for (const about of incidents) {
    const own = receiver.deliveries.map(({ body }) => JSON.parse(body) as WebhookEvent);
    expect(own.filter(({ incident_id }) => incident_id === about).map(({ type }) => type)).toEqual([
      'threat.detected',
      'incident.resolved',
    ]);
  }
  expect(await webhooks.get(id)).toMatchObject({ waiting: 0, dead: 0, failing_since: null });
});

it('the end of an incident waits for its beginning, and no other incident does', async () => {
  await add();
  receiver.answerWith(500, 204);
  await webhooks.take([told()]);
  await receiver.received(1);
  await webhooks.take([told('incident.resolved', { state: 'resolved' }), told('threat.detected', { id: 'other.web' })]);
  await receiver.received(2);
  await aWhile();
  expect(typesReceived()).toEqual(['threat.detected', 'threat.detected']);
  await webhooks.advance(5 * SECOND);
  await receiver.received(4);
  expect(typesReceived().slice(2)).toEqual(['threat.detected', 'incident.resolved']);
});

it('a message that is handed over twice is sent once', async () => {
  await add();
  const message = told();
  await webhooks.take([message]);
  await receiver.received(1);
  await settled();
  await webhooks.take([message, told()]);
  await receiver.received(2);
  await aWhile();
  expect(receiver.deliveries).toHaveLength(2);
});

describe('an endpoint that fails for five days', () => {
  /** @returns after how many hours it was disabled; null: it was not */
  const failFor = async (days: number, everyHours: number): Promise<number | null> => {
    receiver.answerWith(500);
    for (let hours = 0; hours <= days * 24; hours += everyHours) {
      if (!(await webhooks.get(id)).enabled) return hours;
      const before = receiver.deliveries.length;
      await webhooks.take([told('threat.detected', { id: `${id}-${hours}.web` })]);
      await expect.poll(() => receiver.deliveries.length > before).toBe(true);
      await aWhile();
      await webhooks.advance(everyHours * HOUR);
      await aWhile();
    }
    return null;
  };

  it('is disabled, keeps what was for it, tells another endpoint, and comes back by its owner', async () => {
    await add();
    const other = await webhookReceiver();
    try {
      await webhooks.create(
        newEndpoint.parse({ id: 'other', format: 'plain', url: other.url, filter: { events: ['webhook.disabled'] } }),
      );
      expect(await failFor(6, 20)).toBe(120);
      const { disabled_reason, waiting, dead } = await webhooks.get(id);
      expect({ disabled_reason, waiting }).toEqual({
        disabled_reason: 'every attempt of five days failed',
        waiting: 0,
      });
      expect(dead).toBeGreaterThan(0);
      const [word] = await other.received(1);
      expect(word?.body).toContain(`endpoint: ${id}`);
      expect(webhooks.logs.some((line) => line.includes('webhook_disabled') && line.includes(id))).toBe(true);

      await webhooks.take([told()]);
      await expect.poll(deadOf).toBe(dead + 1);
      expect(await webhooks.replay(id)).toMatchObject({ refused: 409 });
      receiver.answerWith(204);
      receiver.deliveries.length = 0;
      expect(await webhooks.change(id, { enabled: true })).toMatchObject({ enabled: true, failing_since: null });
      expect(await webhooks.replay(id)).toEqual({ replayed: dead + 1 });
      await receiver.received(dead + 1);
    } finally {
      await other.close();
    }
  });

  it('one failure a week is no such thing', async () => {
    await add();
    expect(await failFor(15, 7 * 24)).toBeNull();
  });
});

describe('dead letters', () => {
  const die = async (count: number): Promise<Message[]> => {
    receiver.answerWith(500);
    const given = Array.from({ length: count }, (_, i) => told('threat.detected', { id: `${id}-${i}.web` }));
    await webhooks.take(given);
    // Disabled by its owner: what waits is given up at once.
    await webhooks.change(id, { enabled: false });
    await webhooks.change(id, { enabled: true });
    receiver.answerWith(204);
    await aWhile();
    receiver.deliveries.length = 0;
    return given;
  };

  it('are listed in pages, and replayed one by one or all, under their ids', async () => {
    await add();
    const given = await die(5);
    const first = await webhooks.deadPage(id, 2, null);
    expect(first.dead.map(({ message }) => message)).toEqual([given[4]?.id, given[3]?.id]);
    expect(await webhooks.replay(id, given[3]?.id)).toEqual({ replayed: 1 });
    expect(idOf((await receiver.received(1))[0] as Delivery)).toBe(given[3]?.id);
    await settled();
    const full = await webhooks.deadPage(id, 3, first.next);
    expect(full.dead.map(({ message }) => message)).toEqual([given[2]?.id, given[1]?.id, given[0]?.id]);
    expect(full.next).toBeNull();
    expect(await webhooks.replay(id, 'msg_none')).toMatchObject({ refused: 404 });
    expect(await webhooks.replay(id)).toEqual({ replayed: 4 });
    await receiver.received(5);
    await settled();
    expect(await deadOf()).toBe(0);
  });

  it('are at most 1,000 of an endpoint, and go after 30 days; both are counted', async () => {
    await add();
    const before = (await webhooks.figures()).web?.counts;
    await die(1_010);
    expect(await deadOf()).toBe(1_000);
    const full = (await webhooks.figures()).web?.counts;
    expect((full?.dropped_full ?? 0) - (before?.dropped_full ?? 0)).toBe(10);
    await webhooks.advance(31 * 24 * HOUR);
    expect(await deadOf()).toBe(0);
    const expired = (await webhooks.figures()).web?.counts;
    expect((expired?.dropped_expired ?? 0) - (full?.dropped_expired ?? 0)).toBe(1_000);
    expect(webhooks.logs.filter((line) => line.includes('webhooks_dropped')).length).toBeGreaterThanOrEqual(2);
  });
});

describe('filters', () => {
  it.each<[string, object, Message, boolean]>([
    ['at the level asked for', { min_level: 'high' }, told(), true],
    ['not below it', { min_level: 'critical' }, told(), false],
    ['of a type asked for', { threat_types: ['port_scan', 'ddos'] }, told(), true],
    ['not of another', { threat_types: ['ddos'] }, told(), false],
    ['of a group asked for', { groups: ['db', 'web'] }, told(), true],
    ['not of another', { groups: ['db'] }, told(), false],
    ['an event asked for', { events: ['threat.detected'] }, told(), true],
    ['not another', { events: ['incident.resolved'] }, told(), false],
  ])('%s (%j)', async (_, filter, { event, group }, expected) => {
    await add({ filter: endpointFilter.parse(filter) });
    await webhooks.create(newEndpoint.parse({ id: 'all', format: 'slack', url: receiver.url }));
    await webhooks.take([{ id: `${id}-m`, event, group }]);
    await receiver.received(expected ? 2 : 1);
    await settled('all');
    expect(await webhooks.get(id)).toMatchObject({ waiting: 0 });
    expect(receiver.deliveries).toHaveLength(expected ? 2 : 1);
  });

  it('new models page nobody', async () => {
    await add({ format: 'pagerduty', routing_key: 'R'.repeat(32) });
    await webhooks.create(newEndpoint.parse({ id: 'all', format: 'ocsf', url: receiver.url }));
    const facts = { group: 'web', version: 'v1', reason: 'better', quality: {} };
    await webhooks.take([{ id: 'm-model', group: 'web', event: modelEvent('model.promoted', facts, new Date()) }]);
    await receiver.received(1);
    await aWhile();
    expect(typesReceived()).toEqual(['model.promoted']);
  });
});

describe('secrets', () => {
  const verifies = ({ headers, body }: Delivery, secret: string): boolean => {
    const at = new Date(Number(headers['webhook-timestamp']) * 1000);
    const signature = new Webhook(secret).sign(idOf({ headers, body, at: 0 }), at, body);
    return String(headers['webhook-signature']).split(' ').includes(signature);
  };

  it('after a rotation the old one signs too, for a day', async () => {
    const { secret: first } = await add();
    await webhooks.take([told()]);
    expect(verifies((await receiver.received(1))[0] as Delivery, first ?? '')).toBe(true);
    const { secret: second } = await webhooks.rotate(id);
    await webhooks.advance(23 * HOUR);
    await webhooks.take([told()]);
    const during = (await receiver.received(2))[1] as Delivery;
    expect([verifies(during, first ?? ''), verifies(during, second)]).toEqual([true, true]);
    expect((await webhooks.get(id)).secrets).toBe(2);
    await webhooks.advance(HOUR);
    await webhooks.take([told()]);
    const after = (await receiver.received(3))[2] as Delivery;
    expect([verifies(after, first ?? ''), verifies(after, second)]).toEqual([false, true]);
  });

  it('are five at most, and none of Slack', async () => {
    await add();
    for (let i = 0; i < 4; i++) expect((await webhooks.rotate(id)).secret).toMatch(/^whsec_/);
    expect(await webhooks.rotate(id)).toMatchObject({ refused: 409 });
    expect(await webhooks.create(newEndpoint.parse({ id: 'chat', format: 'slack', url: receiver.url }))).toEqual({
      id: 'chat',
      secret: null,
    });
    expect(await webhooks.rotate('chat')).toMatchObject({ refused: 409, detail: expect.stringContaining('slack') });
  });

  it('are in no answer but the first, and neither is the path of a URL', async () => {
    const { secret } = await add({ url: `${receiver.url}/T0/B0/verysecret` });
    const shown = JSON.stringify([await webhooks.list(), await webhooks.get(id)]);
    expect(shown).not.toContain('verysecret');
    expect(shown).not.toContain(secret?.slice(6));
  });
});

it('a test is one attempt that tells what came of it', async () => {
  await add();
  expect(await webhooks.test(id)).toEqual({ delivered: true, error: null });
  receiver.answerWith(403);
  expect(await webhooks.test(id)).toEqual({ delivered: false, error: 'the receiver answered 403' });
  await webhooks.advance(HOUR);
  await aWhile();
  expect(typesReceived()).toEqual(['webhook.test', 'webhook.test']);
});

it('10,000 wait at most: the oldest beyond that are dead letters, counted and told', async () => {
  const slow = createServer(() => undefined);
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  try {
    await add({ url: `http://127.0.0.1:${(slow.address() as AddressInfo).port}/` });
    const before = (await webhooks.figures()).flood?.counts.dead ?? 0;
    const message = (i: number): Message => told('threat.detected', { id: `flood-${i}.flood`, group: 'flood' });
    for (let i = 0; i < 10_050; i += 1_005)
      await webhooks.take(Array.from({ length: 1_005 }, (_, j) => message(i + j)));
    expect(await webhooks.get(id)).toMatchObject({ waiting: 10_000, dead: 50 });
    expect((await webhooks.figures()).flood).toMatchObject({
      pending: 10_000,
      dead: 50,
      counts: { dead: before + 50 },
    });
    expect(webhooks.logs.some((line) => line.includes('more than 10000 messages waited'))).toBe(true);
  } finally {
    slow.closeAllConnections();
    await new Promise((resolve) => slow.close(resolve));
  }
}, 30_000);

it('twenty endpoints are as many as may be', async () => {
  const many = Array.from({ length: 20 }, (_, i) =>
    newEndpoint.parse({ id: `e-${i}`, format: 'ocsf', url: receiver.url }),
  );
  for (const endpoint of many) expect(await webhooks.create(endpoint)).toHaveProperty('secret');
  expect(await add()).toMatchObject({ refused: 409 });
  await webhooks.remove('e-7');
  expect(await webhooks.create(newEndpoint.parse({ id: 'e-8', format: 'ocsf', url: receiver.url }))).toMatchObject({
    refused: 409,
  });
  expect(await add()).toHaveProperty('secret');
});

it('a name that resolves to a private address is refused as it connects, and its owner told why', async () => {
  // The URL is let through, so that the network of the embedded edge is all that stands in the way.
  const strict = await webhooksInWorkerd({ WEBHOOK_ALLOW_PRIVATE: 'true' }, {});
  try {
    const url = receiver.url.replace('127.0.0.1', 'localhost');
    await strict.create(newEndpoint.parse({ id: 'rebound', format: 'ocsf', url }));
    const { delivered, error } = await strict.test('rebound');
    expect({ delivered, error }).toEqual({ delivered: false, error: expect.stringContaining('private address') });
    expect(receiver.deliveries).toEqual([]);
    await add({ url });
    expect(await webhooks.test(id)).toMatchObject({ delivered: true });
  } finally {
    await strict.stop();
  }
});
