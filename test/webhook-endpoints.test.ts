/** Several endpoints: each is told what it asked for, in its format, and signed by secrets that are shown once. */
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { endpointFilter, newEndpoint } from '../contract/webhook-endpoint.ts';
import { modelEvent } from '../functions/detect/incidents/finding.ts';
import type { Message } from '../functions/detect/webhooks/message.ts';
import type { Delivery } from './edge-fixture.ts';
import { aWhile, endpointStage, HOUR_MS, idOf, told } from './endpoint-stage.ts';
import { webhooksInWorkerd } from './webhooks-in-workerd.ts';

const stage = endpointStage();

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
    await stage.add({ filter: endpointFilter.parse(filter) });
    await stage.webhooks.create(newEndpoint.parse({ id: 'all', format: 'slack', url: stage.receiver.url }));
    await stage.webhooks.take([{ id: `${stage.id}-m`, event, group }]);
    await stage.receiver.received(expected ? 2 : 1);
    await stage.settled('all');
    expect(await stage.webhooks.get(stage.id)).toMatchObject({ waiting: 0 });
    expect(stage.receiver.deliveries).toHaveLength(expected ? 2 : 1);
  });

  it('new models page nobody', async () => {
    await stage.add({ format: 'pagerduty', routing_key: 'R'.repeat(32) });
    await stage.webhooks.create(newEndpoint.parse({ id: 'all', format: 'ocsf', url: stage.receiver.url }));
    const facts = { group: 'web', version: 'v1', reason: 'better', quality: {} };
    await stage.webhooks.take([
      { id: 'm-model', group: 'web', event: modelEvent('model.promoted', facts, new Date()) },
    ]);
    await stage.receiver.received(1);
    await aWhile();
    expect(stage.typesReceived()).toEqual(['model.promoted']);
  });
});

describe('secrets', () => {
  const verifies = ({ headers, body }: Delivery, secret: string): boolean => {
    const at = new Date(Number(headers['webhook-timestamp']) * 1000);
    const signature = new Webhook(secret).sign(idOf({ headers, body, at: 0 }), at, body);
    return String(headers['webhook-signature']).split(' ').includes(signature);
  };

  it('after a rotation the old one signs too, for a day', async () => {
    const { secret: first } = await stage.add();
    await stage.webhooks.take([told()]);
    expect(verifies((await stage.receiver.received(1))[0] as Delivery, first ?? '')).toBe(true);
    const { secret: second } = await stage.webhooks.rotate(stage.id);
    await stage.webhooks.advance(23 * HOUR_MS);
    await stage.webhooks.take([told()]);
    const during = (await stage.receiver.received(2))[1] as Delivery;
    expect([verifies(during, first ?? ''), verifies(during, second)]).toEqual([true, true]);
    expect((await stage.webhooks.get(stage.id)).secrets).toBe(2);
    await stage.webhooks.advance(HOUR_MS);
    await stage.webhooks.take([told()]);
    const after = (await stage.receiver.received(3))[2] as Delivery;
    expect([verifies(after, first ?? ''), verifies(after, second)]).toEqual([false, true]);
  });

  it('are five at most, and none of Slack', async () => {
    await stage.add();
    for (let i = 0; i < 4; i++) expect((await stage.webhooks.rotate(stage.id)).secret).toMatch(/^whsec_/);
    expect(await stage.webhooks.rotate(stage.id)).toMatchObject({ refused: 409 });
    expect(
      await stage.webhooks.create(newEndpoint.parse({ id: 'chat', format: 'slack', url: stage.receiver.url })),
    ).toEqual({
      id: 'chat',
      secret: null,
    });
    expect(await stage.webhooks.rotate('chat')).toMatchObject({
      refused: 409,
      detail: expect.stringContaining('slack'),
    });
  });

  it('are in no answer but the first, and neither is the path of a URL', async () => {
    const { secret } = await stage.add({ url: `${stage.receiver.url}/T0/B0/verysecret` });
    const shown = JSON.stringify([await stage.webhooks.list(), await stage.webhooks.get(stage.id)]);
    expect(shown).not.toContain('verysecret');
    expect(shown).not.toContain(secret?.slice(6));
  });
});

it('a test is one attempt that tells what came of it', async () => {
  await stage.add();
  expect(await stage.webhooks.test(stage.id)).toEqual({ delivered: true, error: null });
  stage.receiver.answerWith(403);
  expect(await stage.webhooks.test(stage.id)).toEqual({ delivered: false, error: 'the receiver answered 403' });
  await stage.webhooks.advance(HOUR_MS);
  await aWhile();
  expect(stage.typesReceived()).toEqual(['webhook.test', 'webhook.test']);
});

it('twenty endpoints are as many as may be', async () => {
  const many = Array.from({ length: 20 }, (_, i) =>
    newEndpoint.parse({ id: `e-${i}`, format: 'ocsf', url: stage.receiver.url }),
  );
  for (const endpoint of many) expect(await stage.webhooks.create(endpoint)).toHaveProperty('secret');
  expect(await stage.add()).toMatchObject({ refused: 409 });
  await stage.webhooks.remove('e-7');
  expect(
    await stage.webhooks.create(newEndpoint.parse({ id: 'e-8', format: 'ocsf', url: stage.receiver.url })),
  ).toMatchObject({
    refused: 409,
  });
  expect(await stage.add()).toHaveProperty('secret');
});

it('a name that resolves to a private address is refused as it connects, and its owner told why', async () => {
  // The URL is let through, so that the network of the embedded edge is all that stands in the way.
  const strict = await webhooksInWorkerd({ WEBHOOK_ALLOW_PRIVATE: 'true' }, {});
  try {
    const url = stage.receiver.url.replace('127.0.0.1', 'localhost');
    await strict.create(newEndpoint.parse({ id: 'rebound', format: 'ocsf', url }));
    const { delivered, error } = await strict.test('rebound');
    expect({ delivered, error }).toEqual({ delivered: false, error: expect.stringContaining('private address') });
    expect(stage.receiver.deliveries).toEqual([]);
    await stage.add({ url });
    expect(await stage.webhooks.test(stage.id)).toMatchObject({ delivered: true });
  } finally {
    await strict.stop();
  }
});
