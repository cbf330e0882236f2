/** Webhooks: signed by Standard Webhooks, told once, repeated under the same id, never into a private network unasked. */
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { detectionFinding, type WebhookEvent, webhookEvent } from '../contract/webhook-event.ts';
import { refuseTarget } from '../functions/detect/webhooks/refuse-target.ts';
import { type Receiver, scanWindow, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';

const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes ...').toString('base64')}`;

let receiver: Receiver;
let edge: TestEdge;
let group = 0;
let name = '';

beforeAll(async () => {
  receiver = await webhookReceiver();
  edge = await testEdge({
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_ALLOW_PRIVATE: 'true',
    INCIDENT_QUIET_S: '3',
  });
});
afterAll(async () => {
  await edge.remove();
  await receiver.close();
});
beforeEach(() => {
  name = `hook-${++group}`;
});
afterEach(() => receiver.answerWith(204));

/** The deliveries about incidents of the current test's group. */
const own = (): { event: WebhookEvent; index: number }[] =>
  receiver.deliveries
    .map((delivery, index) => ({ event: webhookEvent.parse(JSON.parse(delivery.body)), index }))
    .filter(({ event }) => event.incident_id?.endsWith(`.${name}`));

async function arrived(count: number): Promise<WebhookEvent[]> {
  await expect.poll(() => own().length, { timeout: 12_000, interval: 20 }).toBeGreaterThanOrEqual(count);
  return own().map(({ event }) => event);
}

it('one attack is told once, signed, with the attacker and an OCSF finding', async () => {
  for (let second = 0; second < 10; second++) await edge.detect([scanWindow('192.0.2.9', { group: name })]);
  const [event] = await arrived(1);
  expect(event).toMatchObject({ type: 'threat.detected', attacking_ips: ['192.0.2.9'] });
  const finding = detectionFinding.parse(event?.data);
  expect(finding.class_uid).toBe(2004);
  expect(finding.finding_info.attacks[0]?.technique.uid).toBe('T1046');
  expect(finding.evidences).toEqual([{ src_endpoint: { ip: '192.0.2.9' } }]);
  const delivery = receiver.deliveries[own()[0]?.index ?? 0];
  const headers = Object.fromEntries(
    Object.entries(delivery?.headers ?? {}).map(([key, value]) => [key, String(value)]),
  );
  expect(() => new Webhook(SECRET).verify(delivery?.body ?? '', headers)).not.toThrow();
  expect(() => new Webhook(SECRET).verify(`${delivery?.body} `, headers)).toThrow();
  expect(own().filter((item) => item.event.type === 'threat.detected')).toHaveLength(1);
});

it('the end of an attack is told', async () => {
  await edge.detect([scanWindow('192.0.2.10', { group: name })]);
  const events = await arrived(2);
  expect(events.map(({ type }) => type)).toEqual(['threat.detected', 'incident.resolved']);
  expect(detectionFinding.parse(events[1]?.data).status_id).toBe(4);
});

it.each([[500], [302], [404]])('after %i it is repeated, under the same id', async (status) => {
  receiver.answerWith(status, 204);
  await edge.detect([scanWindow('192.0.2.11', { group: name })]);
  const detected = (): ReturnType<typeof own> => own().filter(({ event }) => event.type === 'threat.detected');
  await expect.poll(() => detected().length, { timeout: 12_000 }).toBe(2);
  const ids = detected().map(({ index }) => receiver.deliveries[index]?.headers['webhook-id']);
  expect(ids[0]).toBe(ids[1]);
  // The next test's answers are not for what is still on its way here.
  await arrived(3);
});

it('an undelivered one outlives the edge', async () => {
  receiver.answerWith(500);
  await edge.detect([scanWindow('192.0.2.12', { group: name })]);
  await arrived(1);
  await edge.stop();
  receiver.answerWith(204);
  edge = await testEdge(
    { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_PRIVATE: 'true', INCIDENT_QUIET_S: '3' },
    edge.stateDir,
  );
  await arrived(2);
  const stats = async (): Promise<unknown> =>
    ((await (await fetch(`${edge.url}/stats?group=${name}`)).json()) as { webhook: { pending: number } }).webhook
      .pending;
  await expect.poll(stats, { timeout: 10_000 }).toBe(0);
});

describe('targets', () => {
  it.each([
    ['https://hooks.example.com/x', null],
    ['https://[2606:4700::1]/', null],
    ['http://hooks.example.com/', /https/],
    ['https://127.0.0.1/', /private/],
    ['https://127.1/', /private/],
    ['https://[::1]/', /private/],
    ['https://[::ffff:10.0.0.1]/', /private/],
    ['https://169.254.169.254/latest', /private/],
    ['https://10.1.2.3/', /private/],
    ['https://100.64.0.1/', /private/],
    ['https://localhost/', /private/],
    ['https://printer.local/', /private/],
    ['https://intranet/', /private/],
    ['https://user:secret@hooks.example.com/', /password/],
    ['ftp://hooks.example.com/', /https/],
    ['nonsense', /no URL/],
  ])('%s', (url, refusal) => {
    const answer = refuseTarget(url, false);
    if (refusal === null) expect(answer).toBeNull();
    else expect(answer).toMatch(refusal);
  });

  it('private ones are refused unless allowed, and /health says so', async () => {
    const before = receiver.deliveries.length;
    const strict = await testEdge({ WEBHOOK_URL: receiver.url });
    try {
      await strict.detect([scanWindow('192.0.2.13')]);
      const health = (await (await fetch(`${strict.url}/health`)).json()) as { webhook: string };
      expect(health.webhook).toMatch(/WEBHOOK_ALLOW_PRIVATE/);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(receiver.deliveries.length).toBe(before);
    } finally {
      await strict.remove();
    }
  });
});
