/** Between an incident and its webhook: what the Webhooks object does not take waits, and what it took twice is told once. */
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleSource, COMPATIBILITY_DATE } from '../cli/edge/bundle-workers.ts';
import { outboundWorker } from '../cli/edge/runtime-options.ts';
import type { Alert } from '../functions/detect/incidents/alert.ts';
import { type Receiver, webhookReceiver } from './edge-fixture.ts';

/** `fault`: the object is away, or it is lost just after it took the messages. */
const WORKER = `
import { Incidents } from './functions/detect/incidents/incidents.ts';
import { Webhooks as Real } from './functions/detect/webhooks/webhooks.ts';
export { Incidents };
let fault = '';
let faults = 0;
export class Webhooks extends Real {
  async take(messages) {
    if (fault === 'away') { faults++; throw new Error('away'); }
    await super.take(messages);
    if (fault === 'lost') { faults++; fault = ''; throw new Error('lost'); }
  }
}
export default {
  async fetch(request, env) {
    const asked = await request.json();
    if ('fault' in asked) fault = asked.fault;
    else if (!('count' in asked)) await env.INCIDENTS.getByName('web').report('web', [asked]);
    return Response.json(faults);
  },
};`;

const ALERT: Alert = {
  windowKey: 'w-1',
  host: 'web-1',
  detectionType: 'network',
  threatTypes: ['port_scan'],
  level: 'high',
  confidence: 0.9,
  attackingIps: ['192.0.2.1'],
  start: '2026-11-20T10:00:00.000Z',
  end: '2026-11-20T10:00:01.000Z',
  modelVersion: null,
  explanation: { summary: [], rules: [], models: [], abstained: {}, notes: [] },
};

let receiver: Receiver;
let runtime: Miniflare;
let ask: (what: object) => Promise<number>;

beforeAll(async () => {
  receiver = await webhookReceiver();
  const vars = { WEBHOOK_URL: receiver.url, WEBHOOK_ALLOW_PRIVATE: 'true', INCIDENT_QUIET_S: '3600' };
  const common = { modulesRoot: '/', compatibilityDate: COMPATIBILITY_DATE };
  runtime = new Miniflare(
    convertV4MiniflareOptions({
      handleStructuredLogs: () => undefined,
      cf: false,
      workers: [
        {
          ...common,
          name: 'incidents',
          modules: await bundleSource(WORKER),
          durableObjects: {
            INCIDENTS: { className: 'Incidents', useSQLite: true },
            WEBHOOKS: { className: 'Webhooks', useSQLite: true },
          },
          bindings: vars,
          outboundService: 'vigia-outbound',
        },
        { ...common, ...outboundWorker(vars) },
      ],
    }),
  );
  const url = await runtime.ready;
  ask = async (what) => (await (await fetch(url, { method: 'POST', body: JSON.stringify(what) })).json()) as number;
});
afterAll(async () => {
  await runtime.dispose();
  await receiver.close();
});

it.each([
  'away',
  'lost',
])('where the object that sends is %s, the incident is told a few seconds later, and once', async (fault) => {
  receiver.deliveries.length = 0;
  const before = await ask({ fault });
  await ask({ ...ALERT, windowKey: fault, attackingIps: [fault === 'away' ? '192.0.2.1' : '192.0.2.2'] });
  await expect.poll(() => ask({ count: true })).toBeGreaterThan(before);
  if (fault === 'away') expect(receiver.deliveries).toEqual([]);
  if (fault === 'away') await ask({ fault: '' });
  await receiver.received(1, 12_000);
  // Past the next hand-over.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  expect(receiver.deliveries.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
    'threat.detected',
  ]);
});
