/** From a message to the page of what it tells: one click in every format, only where the edge knows its own address. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { variablesOf } from '../cli/edge/edge-variables.ts';
import type { Campaign } from '../contract/campaign.ts';
import { type WebhookEvent, webhookEvent } from '../contract/webhook-event.ts';
import { readDashboardUrl } from '../functions/detect/dashboard-url.ts';
import { withLink } from '../functions/detect/incidents/dashboard-link.ts';
import { campaignEvent, incidentEvent, modelEvent } from '../functions/detect/incidents/finding.ts';
import { findingOf } from '../functions/detect/webhooks/event-facts.ts';
import { pagerDutyEvent } from '../functions/detect/webhooks/formats/pagerduty.ts';
import { plainText } from '../functions/detect/webhooks/formats/plain.ts';
import { slackMessage } from '../functions/detect/webhooks/formats/slack.ts';
import { type Receiver, scanWindow, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';
import { incident } from './made-incidents.ts';

describe('DASHBOARD_URL', () => {
  it.each([
    ['https://vigia.example.com', 'https://vigia.example.com/'],
    ['http://127.0.0.1:8787/', 'http://127.0.0.1:8787/'],
    ['https://soc.example.com/vigia', 'https://soc.example.com/vigia/'],
    ['https://soc.example.com/vigia/', 'https://soc.example.com/vigia/'],
  ])('%s begins links as %s', (text, begins) => expect(readDashboardUrl(text)).toBe(begins));

  it.each([[undefined], ['']])('%j is not set', (text) => expect(readDashboardUrl(text)).toBeNull());

  it('is handed on by vigia up and vigia serve', () => {
    expect(variablesOf({ DASHBOARD_URL: 'https://vigia.example.com', HOME: '/root' })).toEqual({
      DASHBOARD_URL: 'https://vigia.example.com',
    });
  });

  it.each([
    'vigia.example.com',
    'vigia.example.com:8787',
    'javascript:alert(1)',
    'ftp://vigia.example.com',
    'https://me:secret@vigia.example.com',
    'https://me@vigia.example.com',
    'https://vigia.example.com/?group=web',
    'https://vigia.example.com/?',
    'https://vigia.example.com/#/incidents',
    `https://vigia.example.com/${'x'.repeat(500)}`,
  ])('%s is refused, told by name and without a password', (text) => {
    const read = () => readDashboardUrl(text);
    expect(read).toThrow(/^DASHBOARD_URL: must be .*or unset$/);
    expect(read).not.toThrow(/secret/);
  });
});

const BASE = 'https://vigia.example.com/';
const KEY = 'R'.repeat(32);
const at = new Date('2026-11-20T10:00:06.000Z');
const campaign: Campaign = {
  ...incident(),
  id: 'mhk3x1w1a5b6c7d8.web',
  joined_by: 'source',
  hosts: 2,
  first_hosts: ['web-1', 'web-2'],
};
const member = incident({ campaign_id: campaign.id });
const news = { group: 'web', version: 'v-1', reason: 'it finds more', quality: { windows: 300 } };
const EVENTS: [string, WebhookEvent, string][] = [
  ['an incident', incidentEvent('threat.detected', incident(), at), `#/incidents/${incident().id}`],
  [
    'the end of one',
    incidentEvent('incident.resolved', incident({ state: 'resolved' }), at),
    `#/incidents/${incident().id}`,
  ],
  ['an incident of a campaign', incidentEvent('incident.updated', member, at), `#/incidents/${incident().id}`],
  ['a campaign', campaignEvent('threat.detected', campaign, at), `#/campaigns/${campaign.id}`],
  ['new models', modelEvent('model.promoted', news, at), '#/models?group=web'],
];

describe.each(EVENTS)('%s', (_, told, page) => {
  const url = `${BASE}${page}`;
  const linked = withLink(told, 'web', BASE);

  it('is told as before where DASHBOARD_URL is not set', () => {
    expect(withLink(told, 'web', null)).toBe(told);
  });

  it('is an event of the contract, with the link and as before else', () => {
    expect(webhookEvent.parse(JSON.parse(JSON.stringify(linked)))).toEqual(linked);
    const finding = findingOf(told);
    const data =
      finding === null
        ? { ...told.data, url }
        : { ...told.data, finding_info: { ...finding.finding_info, src_url: url } };
    expect(linked).toEqual({ ...told, data });
  });

  it('has it in the last line of plain text', () => {
    expect(plainText(linked)).toBe(`${plainText(told)}${url}\n`);
  });

  it('has it in Slack below all that was there before', () => {
    const { text, blocks } = slackMessage(told);
    const link = { type: 'section', text: { type: 'mrkdwn', text: `<${url}|Open in Vigía>` } };
    expect(slackMessage(linked)).toEqual({ text, blocks: [...blocks, link] });
  });

  it('has it in PagerDuty, on all but the end of an alert', () => {
    const before = pagerDutyEvent(told, KEY, 'msg_1');
    const link = { client_url: url, links: [{ href: url, text: 'Open in Vigía' }] };
    const sent = pagerDutyEvent(linked, KEY, 'msg_1');
    if (before.event_action === 'resolve') expect(sent).toEqual(before);
    else expect(sent).toEqual({ ...before, ...link, payload: { ...before.payload, custom_details: linked.data } });
  });
});

it('a path of any characters stays one link in Slack, within its limit', () => {
  const base = readDashboardUrl(`https://soc.example.com/a|b&<c>/${'&'.repeat(460)}`);
  const sent = slackMessage(withLink(incidentEvent('threat.detected', incident(), at), 'web', base));
  const last = sent.blocks.at(-1);
  const text = last !== undefined && 'text' in last ? last.text.text : '';
  expect(text).toMatch(
    /^<https:\/\/soc\.example\.com\/a%7Cb&amp;%3Cc%3E\/(&amp;){460}\/#\/incidents\/[^<>|&]+\|Open in Vigía>$/,
  );
  expect(text.length).toBeLessThanOrEqual(3000);
});

describe('what arrives', () => {
  let receiver: Receiver;
  let edge: TestEdge;
  const start = (dashboard: string, stateDir?: string): Promise<TestEdge> =>
    testEdge({ WEBHOOK_URL: receiver.url, WEBHOOK_ALLOW_PRIVATE: 'true', DASHBOARD_URL: dashboard }, stateDir);
  const bodies = (type: string): string[] =>
    receiver.deliveries.filter(({ headers }) => headers['content-type']?.startsWith(type)).map(({ body }) => body);
  beforeAll(async () => {
    receiver = await webhookReceiver();
    edge = await start('https://vigia.example.com/soc');
  });
  afterEach(() => {
    receiver.deliveries.length = 0;
    receiver.answerWith(204);
  });
  afterAll(async () => {
    await edge.remove();
    await receiver.close();
  });

  it('leads to an incident that is there', async () => {
    const added = await edge.post('/webhooks', { id: 'notes', format: 'plain', url: receiver.url });
    expect(added.status).toBe(201);
    await edge.detect([scanWindow('192.0.2.9', { group: 'web' })]);
    await expect.poll(() => bodies('text/plain').length, { timeout: 12_000 }).toBe(1);
    const url = /^https:.*$/m.exec(bodies('text/plain')[0] ?? '')?.[0] ?? '';
    expect(url).toMatch(/^https:\/\/vigia\.example\.com\/soc\/#\/incidents\/[a-z0-9]+\.web$/);
    const id = decodeURIComponent(url.replace(/^.*#\/incidents\//, ''));
    expect(await (await fetch(`${edge.url}/incidents/${id}`)).json()).toMatchObject({
      id,
      attacking_ips: ['192.0.2.9'],
    });
    await expect.poll(() => bodies('application/json').length, { timeout: 12_000 }).toBe(1);
    expect(JSON.parse(bodies('application/json')[0] ?? '')).toMatchObject({ data: { finding_info: { src_url: url } } });
    expect((await fetch(`${edge.url}/webhooks/notes`, { method: 'DELETE' })).ok).toBe(true);
  });

  it('is the same again, byte for byte, also where the address was changed meanwhile', async () => {
    receiver.answerWith(500);
    await edge.detect([scanWindow('192.0.2.10', { group: 'web' })]);
    await receiver.received(1);
    await edge.stop();
    receiver.answerWith(204);
    const before = receiver.deliveries.length;
    edge = await start('https://elsewhere.example.com', edge.stateDir);
    await edge.detect([scanWindow('192.0.2.11', { group: 'db' })]);
    await receiver.received(before + 2, 20_000);
    const repeated = receiver.deliveries.filter(({ body }) => body.includes('192.0.2.10')).map(({ body }) => body);
    expect(repeated.length).toBeGreaterThan(1);
    expect(new Set(repeated)).toEqual(new Set([expect.stringContaining('https://vigia.example.com/soc/#/incidents/')]));
    const fresh = receiver.deliveries.filter(({ body }) => body.includes('192.0.2.11'));
    expect(fresh[0]?.body).toContain('https://elsewhere.example.com/#/incidents/');
  });

  it('is nothing where the address is none: the edge says so', async () => {
    const broken = await testEdge({ DASHBOARD_URL: 'vigia.example.com' });
    try {
      const health = await fetch(`${broken.url}/health`);
      expect(health.status).toBe(503);
      expect(await health.json()).toMatchObject({
        detail: expect.stringMatching(/^DASHBOARD_URL: must be an address/),
      });
      expect((await broken.post('/detect', { windows: [scanWindow('192.0.2.12')] })).status).toBe(503);
    } finally {
      await broken.remove();
    }
  });
});
