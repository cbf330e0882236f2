/** What becomes of messages that are not taken: tried for hours, each in the order of its incident and under one id, then kept as dead letters. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { newEndpoint } from '../contract/webhook-endpoint.ts';
import type { WebhookEvent } from '../contract/webhook-event.ts';
import type { Message } from '../functions/detect/webhooks/message.ts';
import { type Delivery, webhookReceiver } from './edge-fixture.ts';
import { aWhile, endpointStage, HOUR_MS, idOf, MINUTE_MS, SECOND_MS, told } from './endpoint-stage.ts';

const stage = endpointStage();

describe('the schedule', () => {
  it('is at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, under one id, and then the dead letter', async () => {
    await stage.add();
    stage.receiver.answerWith(500);
    const message = told();
    await stage.webhooks.take([message]);
    await stage.receiver.received(1);
    const waits = [5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 10 * HOUR_MS];
    for (const [attempt, wait] of waits.entries()) {
      await expect.poll(async () => (await stage.webhooks.get(stage.id)).failing_since).not.toBeNull();
      await stage.webhooks.advance(wait - 3 * SECOND_MS);
      await aWhile();
      expect(stage.receiver.deliveries).toHaveLength(attempt + 1);
      await stage.webhooks.advance(3 * SECOND_MS);
      await stage.receiver.received(attempt + 2);
      await aWhile();
    }
    expect(new Set(stage.receiver.deliveries.map(idOf))).toEqual(new Set([message.id]));
    expect(new Set(stage.receiver.deliveries.map(({ body }) => body)).size).toBe(1);
    await expect.poll(() => stage.dead()).toBe(1);
    expect(await stage.webhooks.dead(stage.id)).toMatchObject([
      { message: message.id, event: 'threat.detected', attempts: 8, last_error: 'the receiver answered 500' },
    ]);
    await stage.webhooks.advance(20 * HOUR_MS);
    await aWhile();
    expect(stage.receiver.deliveries).toHaveLength(8);
  });

  it.each([[302], [404], [410], [503]])('%i is a failure, and no redirect is followed', async (status) => {
    await stage.add();
    stage.receiver.answerWith(status, 204);
    await stage.webhooks.take([told()]);
    await stage.receiver.received(1);
    await expect
      .poll(async () => (await stage.webhooks.get(stage.id)).last_error)
      .toBe(`the receiver answered ${status}`);
    await stage.webhooks.advance(5 * SECOND_MS);
    await stage.receiver.received(2);
    await stage.settled();
    expect(stage.receiver.deliveries).toHaveLength(2);
  });

  it('an answer after 15 s is none, and a receiver that hangs keeps no other waiting', async () => {
    const sockets = new Set<{ end(): void }>();
    const slow = createServer((_, response) => sockets.add(response));
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    try {
      await stage.add({ url: `http://127.0.0.1:${(slow.address() as AddressInfo).port}/` });
      await stage.webhooks.create(newEndpoint.parse({ id: 'quick', format: 'ocsf', url: stage.receiver.url }));
      const startedAt = Date.now();
      const flood = Array.from({ length: 12 }, (_, i) => told('threat.detected', { id: `i${i}.web` }));
      await stage.webhooks.take(flood);
      await stage.receiver.received(12, 5_000);
      expect(sockets.size).toBe(2);
      await expect
        .poll(async () => (await stage.webhooks.get(stage.id)).last_error, { timeout: 20_000 })
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
  const { port } = new URL(stage.receiver.url);
  await stage.receiver.close();
  await stage.add();
  const incidents = Array.from({ length: 30 }, (_, i) => `incident-${i}.web`);
  const detected = incidents.map((about) => told('threat.detected', { id: about }));
  const resolved = incidents.map((about) => told('incident.resolved', { id: about, state: 'resolved' }));
  await stage.webhooks.take(detected);
  await stage.webhooks.advance(MINUTE_MS);
  await stage.webhooks.take(resolved);
  for (let minutes = 1; minutes < 60; minutes += 10) {
    await stage.webhooks.advance(10 * MINUTE_MS);
    await aWhile();
  }
  expect((await stage.webhooks.get(stage.id)).waiting).toBe(60);

  stage.receiver = await webhookReceiver(Number(port));
  await stage.webhooks.advance(2 * HOUR_MS);
  await stage.receiver.received(60);
  await aWhile();
  expect(stage.receiver.deliveries.map(idOf).sort()).toEqual(
    [...detected, ...resolved].map((message) => message.id).sort(),
  );
  for (const about of incidents) {
    const own = stage.receiver.deliveries.map(({ body }) => JSON.parse(body) as WebhookEvent);
    expect(own.filter(({ incident_id }) => incident_id === about).map(({ type }) => type)).toEqual([
      'threat.detected',
      'incident.resolved',
    ]);
  }
  expect(await stage.webhooks.get(stage.id)).toMatchObject({ waiting: 0, dead: 0, failing_since: null });
});

it('the end of an incident waits for its beginning, and no other incident does', async () => {
  await stage.add();
  stage.receiver.answerWith(500, 204);
  await stage.webhooks.take([told()]);
  await stage.receiver.received(1);
  await stage.webhooks.take([
    told('incident.resolved', { state: 'resolved' }),
    told('threat.detected', { id: 'other.web' }),
  ]);
  await stage.receiver.received(2);
  await aWhile();
  expect(stage.typesReceived()).toEqual(['threat.detected', 'threat.detected']);
  await stage.webhooks.advance(5 * SECOND_MS);
  await stage.receiver.received(4);
  expect(stage.typesReceived().slice(2)).toEqual(['threat.detected', 'incident.resolved']);
});

it('a message that is handed over twice is sent once', async () => {
  await stage.add();
  const message = told();
  await stage.webhooks.take([message]);
  await stage.receiver.received(1);
  await stage.settled();
  await stage.webhooks.take([message, told()]);
  await stage.receiver.received(2);
  await aWhile();
  expect(stage.receiver.deliveries).toHaveLength(2);
});

describe('an endpoint that fails for five days', () => {
  /** @returns after how many hours it was disabled; null: it was not */
  const failFor = async (days: number, everyHours: number): Promise<number | null> => {
    stage.receiver.answerWith(500);
    for (let hours = 0; hours <= days * 24; hours += everyHours) {
      if (!(await stage.webhooks.get(stage.id)).enabled) return hours;
      const before = stage.receiver.deliveries.length;
      await stage.webhooks.take([told('threat.detected', { id: `${stage.id}-${hours}.web` })]);
      await expect.poll(() => stage.receiver.deliveries.length > before).toBe(true);
      await aWhile();
      await stage.webhooks.advance(everyHours * HOUR_MS);
      await aWhile();
    }
    return null;
  };

  it('is disabled, keeps what was for it, tells another endpoint, and comes back by its owner', async () => {
    await stage.add();
    const other = await webhookReceiver();
    try {
      await stage.webhooks.create(
        newEndpoint.parse({ id: 'other', format: 'plain', url: other.url, filter: { events: ['webhook.disabled'] } }),
      );
      expect(await failFor(6, 20)).toBe(120);
      const { disabled_reason, waiting, dead } = await stage.webhooks.get(stage.id);
      expect({ disabled_reason, waiting }).toEqual({
        disabled_reason: 'every attempt of five days failed',
        waiting: 0,
      });
      expect(dead).toBeGreaterThan(0);
      const [word] = await other.received(1);
      expect(word?.body).toContain(`endpoint: ${stage.id}`);
      expect(stage.webhooks.logs.some((line) => line.includes('webhook_disabled') && line.includes(stage.id))).toBe(
        true,
      );

      await stage.webhooks.take([told()]);
      await expect.poll(() => stage.dead()).toBe(dead + 1);
      expect(await stage.webhooks.replay(stage.id)).toMatchObject({ refused: 409 });
      stage.receiver.answerWith(204);
      stage.receiver.deliveries.length = 0;
      expect(await stage.webhooks.change(stage.id, { enabled: true })).toMatchObject({
        enabled: true,
        failing_since: null,
      });
      expect(await stage.webhooks.replay(stage.id)).toEqual({ replayed: dead + 1 });
      await stage.receiver.received(dead + 1);
    } finally {
      await other.close();
    }
  });

  it('one failure a week is no such thing', async () => {
    await stage.add();
    expect(await failFor(15, 7 * 24)).toBeNull();
  });
});

describe('dead letters', () => {
  const die = async (count: number): Promise<Message[]> => {
    stage.receiver.answerWith(500);
    const given = Array.from({ length: count }, (_, i) => told('threat.detected', { id: `${stage.id}-${i}.web` }));
    await stage.webhooks.take(given);
    // Disabled by its owner: what waits is given up at once.
    await stage.webhooks.change(stage.id, { enabled: false });
    await stage.webhooks.change(stage.id, { enabled: true });
    stage.receiver.answerWith(204);
    await aWhile();
    stage.receiver.deliveries.length = 0;
    return given;
  };

  it('are listed in pages, and replayed one by one or all, under their ids', async () => {
    await stage.add();
    const given = await die(5);
    const first = await stage.webhooks.deadPage(stage.id, 2, null);
    expect(first.dead.map(({ message }) => message)).toEqual([given[4]?.id, given[3]?.id]);
    expect(await stage.webhooks.replay(stage.id, given[3]?.id)).toEqual({ replayed: 1 });
    expect(idOf((await stage.receiver.received(1))[0] as Delivery)).toBe(given[3]?.id);
    await stage.settled();
    const full = await stage.webhooks.deadPage(stage.id, 3, first.next);
    expect(full.dead.map(({ message }) => message)).toEqual([given[2]?.id, given[1]?.id, given[0]?.id]);
    expect(full.next).toBeNull();
    expect(await stage.webhooks.replay(stage.id, 'msg_none')).toMatchObject({ refused: 404 });
    expect(await stage.webhooks.replay(stage.id)).toEqual({ replayed: 4 });
    await stage.receiver.received(5);
    await stage.settled();
    expect(await stage.dead()).toBe(0);
  });

  it('are at most 1,000 of an endpoint, and go after 30 days; both are counted', async () => {
    await stage.add();
    const before = (await stage.webhooks.figures()).web?.counts;
    await die(1_010);
    expect(await stage.dead()).toBe(1_000);
    const full = (await stage.webhooks.figures()).web?.counts;
    expect((full?.dropped_full ?? 0) - (before?.dropped_full ?? 0)).toBe(10);
    await stage.webhooks.advance(31 * 24 * HOUR_MS);
    expect(await stage.dead()).toBe(0);
    const expired = (await stage.webhooks.figures()).web?.counts;
    expect((expired?.dropped_expired ?? 0) - (full?.dropped_expired ?? 0)).toBe(1_000);
    expect(stage.webhooks.logs.filter((line) => line.includes('webhooks_dropped')).length).toBeGreaterThanOrEqual(2);
  });
});

it('10,000 wait at most: the oldest beyond that are dead letters, counted and told', async () => {
  const slow = createServer(() => undefined);
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  try {
    await stage.add({ url: `http://127.0.0.1:${(slow.address() as AddressInfo).port}/` });
    const before = (await stage.webhooks.figures()).flood?.counts.dead ?? 0;
    const message = (i: number): Message => told('threat.detected', { id: `flood-${i}.flood`, group: 'flood' });
    for (let i = 0; i < 10_050; i += 1_005)
      await stage.webhooks.take(Array.from({ length: 1_005 }, (_, j) => message(i + j)));
    expect(await stage.webhooks.get(stage.id)).toMatchObject({ waiting: 10_000, dead: 50 });
    expect((await stage.webhooks.figures()).flood).toMatchObject({
      pending: 10_000,
      dead: 50,
      counts: { dead: before + 50 },
    });
    expect(stage.webhooks.logs.some((line) => line.includes('more than 10000 messages waited'))).toBe(true);
  } finally {
    slow.closeAllConnections();
    await new Promise((resolve) => slow.close(resolve));
  }
}, 30_000);
