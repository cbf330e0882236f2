/** What Slack, PagerDuty and readers of plain text get: within the documented shapes and limits, whatever an attacker writes. */
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Incident } from '../contract/incident.ts';
import { type WebhookEvent, webhookEvent } from '../contract/webhook-event.ts';
import { withLink } from '../functions/detect/incidents/dashboard-link.ts';
import { incidentEvent, modelEvent } from '../functions/detect/incidents/finding.ts';
import { pagerDutyEvent } from '../functions/detect/webhooks/formats/pagerduty.ts';
import { plainText } from '../functions/detect/webhooks/formats/plain.ts';
import { slackMessage } from '../functions/detect/webhooks/formats/slack.ts';
import { incident } from './made-incidents.ts';

/** https://docs.slack.dev/reference/block-kit: an incoming webhook with header and section blocks. */
const mrkdwn = (max: number) => z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(max) });
const slackSchema = z.strictObject({
  text: z.string().min(1).max(4000),
  blocks: z
    .array(
      z.union([
        z.strictObject({
          type: z.literal('header'),
          text: z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(150) }),
        }),
        z.strictObject({ type: z.literal('section'), text: mrkdwn(3000) }),
        z.strictObject({ type: z.literal('section'), fields: z.array(mrkdwn(2000)).min(1).max(10) }),
      ]),
    )
    .min(1)
    .max(50),
});

/** https://developer.pagerduty.com/docs/send-alert-event: required fields, enumerations and limits. */
const key = { routing_key: z.string().length(32), dedup_key: z.string().min(1).max(255) };
const pagerDutySchema = z.discriminatedUnion('event_action', [
  z.strictObject({ ...key, event_action: z.literal('resolve') }),
  z.strictObject({
    ...key,
    event_action: z.literal('trigger'),
    client: z.string(),
    client_url: z.url().optional(),
    links: z.array(z.strictObject({ href: z.url(), text: z.string() })).optional(),
    payload: z.strictObject({
      summary: z.string().min(1).max(1024),
      source: z.string().min(1),
      severity: z.enum(['critical', 'error', 'warning', 'info']),
      timestamp: z.iso.datetime({ offset: true }),
      component: z.string().optional(),
      group: z.string().optional(),
      class: z.string().optional(),
      custom_details: z.record(z.string(), z.unknown()),
    }),
  }),
]);

const KEY = 'R'.repeat(32);
const NASTY = '<!channel> & <https://evil.example|click> ';

const at = new Date('2026-11-20T10:00:06.000Z');
const large = incident({
  host: 'h'.repeat(128),
  attacking_ips: Array.from({ length: 32 }, (_, i) => `2001:db8:ffff:ffff:ffff:ffff:ffff:${i.toString(16)}`),
  explanation: { summary: [NASTY.repeat(400)], rules: [], models: [], abstained: {}, notes: [] },
});
const news = { group: 'web', version: 'v-1', reason: NASTY, quality: { windows: 300 } };

const EVENTS: [string, WebhookEvent][] = [
  ['a threat', incidentEvent('threat.detected', incident(), at)],
  ['a threat with much to say', incidentEvent('threat.detected', large, at)],
  ['a threat with a link', withLink(incidentEvent('threat.detected', large, at), 'web', 'https://vigia.example.com/')],
  ['an update', incidentEvent('incident.updated', incident({ level: 'critical' }), at)],
  ['an end', incidentEvent('incident.resolved', incident({ state: 'resolved' }), at)],
  ['new models', modelEvent('model.promoted', news, at)],
  ['an endpoint that was given up', event('webhook.disabled', { endpoint: 'chat', reason: 'it failed', groups: [] })],
  ['a test', event('webhook.test', { endpoint: 'chat' })],
];

function event(type: WebhookEvent['type'], data: Record<string, unknown>): WebhookEvent {
  return { type, timestamp: at.toISOString(), data };
}

describe.each(EVENTS)('%s', (_, told) => {
  it('is an event of the contract', () => {
    expect(webhookEvent.parse(JSON.parse(JSON.stringify(told)))).toEqual(JSON.parse(JSON.stringify(told)));
  });

  it('is a message that Slack takes', () => {
    expect(slackSchema.safeParse(slackMessage(told)).error).toBeUndefined();
  });

  it('is an event that PagerDuty takes', () => {
    const sent = pagerDutyEvent(told, KEY, 'msg_1');
    expect(pagerDutySchema.safeParse(JSON.parse(JSON.stringify(sent))).error).toBeUndefined();
    expect(JSON.stringify(sent).length).toBeLessThan(512 * 1024);
  });

  it('is text that ends in a line', () => {
    expect(plainText(told)).toMatch(/^\S.*\n$/su);
    expect(plainText(told)).not.toMatch(/\n\n|undefined|\[object/);
  });
});

describe('Slack', () => {
  it('reads the attack, the host and the attacker', () => {
    const text = JSON.stringify(slackMessage(incidentEvent('threat.detected', incident(), at)));
    for (const word of ['Threat: port scan on web-1 from 192.0.2.9', '150 ports', 'T1046', incident().id])
      expect(text).toContain(word);
  });

  // So that the limit falls into an escape at some shift.
  it.each([
    0, 1, 2, 3,
  ])('calls nobody and links nowhere for what an attacker wrote, and cuts no escape in two (%i)', (shift) => {
    const summary = ['x'.repeat(shift) + '<!channel>&'.repeat(600)];
    const said = incident({ explanation: { ...large.explanation, summary } });
    const { text, blocks } = slackMessage(incidentEvent('threat.detected', said, at));
    const formatted = blocks.flatMap((block) =>
      'fields' in block ? block.fields : block.text.type === 'mrkdwn' ? [block.text] : [],
    );
    for (const written of [text, ...formatted.map((part) => part.text)]) {
      expect(written).not.toMatch(/[<>]/);
      expect(written).not.toMatch(/&(?!amp;|lt;|gt;)/);
    }
  });
});

describe('PagerDuty', () => {
  const send = (type: 'threat.detected' | 'incident.updated' | 'incident.resolved', fields: Partial<Incident> = {}) =>
    pagerDutyEvent(incidentEvent(type, incident(fields), at), KEY, 'msg_1');

  it('has one alert for an incident from its beginning to its end', () => {
    const sent = [
      send('threat.detected'),
      send('incident.updated'),
      send('incident.resolved', { state: 'resolved' }),
      send('incident.updated', { state: 'false_alarm' }),
    ];
    expect(sent.map(({ event_action }) => event_action)).toEqual(['trigger', 'trigger', 'resolve', 'resolve']);
    expect(new Set(sent.map(({ dedup_key }) => dedup_key))).toEqual(new Set([incident().id]));
  });

  it.each([
    ['critical', 'critical'],
    ['high', 'error'],
    ['medium', 'warning'],
    ['low', 'info'],
  ] as const)('%s is %s', (level, severity) => {
    expect(send('threat.detected', { level })).toMatchObject({ payload: { severity, source: 'web-1', group: 'web' } });
  });
});
