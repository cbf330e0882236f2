/** The edge's /metrics: true whatever number of isolates counted, over restarts and failures, and bounded. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimeOptions } from '../cli/edge/runtime-options.ts';
import { type Batch, MetricsFeed, type Taker } from '../functions/detect/metrics/feed.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';
import { complaintsAbout } from './prometheus-fixture.ts';

async function pageAt(url: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${url}/metrics`, { headers });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return answer.text();
}

async function samplesAt(url: string, headers?: Record<string, string>): Promise<Map<string, number>> {
  return samplesOf(await pageAt(url, headers));
}

/** `name{labels}` → value. */
function samplesOf(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const WINDOWS = 'ml_detector_windows_total{group="default"}';
const SCANS = 'ml_detector_threats_total{group="default",threat_type="port_scan",confidence_level="critical"}';

describe('the totals', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge();
  });
  afterAll(() => edge.remove());

  it('count windows, threats, requests and refused fields of posts at the same time, and know a repeated post', async () => {
    const posts = Array.from({ length: 30 }, (_, i) => edge.detect([quietWindow(), scanWindow(`192.0.2.${i}`)]));
    await Promise.all(posts);
    const again = [scanWindow('192.0.2.200')];
    await edge.detect(again);
    await edge.detect(again);
    await edge.post('/detect', { packets_per_second: 5, colour: 'red' });
    expect((await edge.post('/detect', { packets_per_second: -5, unique_ips: 'many' })).status).toBe(400);
    expect((await fetch(`${edge.url}/wp-login.php?x=1`)).status).toBe(404);
    expect((await fetch(`${edge.url}/incidents/none.default`)).status).toBe(404);

    const found = await samplesAt(edge.url);
    expect(found.get(WINDOWS)).toBe(62);
    expect(found.get(SCANS)).toBe(31);
    expect(found.get('ml_detector_posts_total{group="default"}')).toBe(32);
    expect(found.get('ml_detector_alerts_total{group="default"}')).toBe(31);
    expect(found.get('ml_detector_unknown_fields_total{group="default"}')).toBe(1);
    expect(found.get('ml_detector_rejected_fields_total')).toBe(2);
    expect(found.get('ml_detector_requests_total{route="/detect",status="2xx"}')).toBe(33);
    expect(found.get('ml_detector_requests_total{route="/detect",status="4xx"}')).toBe(1);
    expect(found.get('ml_detector_requests_total{route="other",status="4xx"}')).toBe(1);
    expect(found.get('ml_detector_requests_total{route="/incidents/:id",status="4xx"}')).toBe(1);
    expect(found.get('ml_detector_processing_seconds_count')).toBe(34);
    expect(found.get('ml_detector_processing_seconds_bucket{le="+Inf"}')).toBe(34);
    expect(found.get('ml_detector_feature_values{group="default",feature_name="packets_per_second"}')).toBe(5);
    expect(complaintsAbout(await pageAt(edge.url))).toBe('');
    expect(await (await fetch(`${edge.url}/stats`)).json()).toMatchObject({ windows_total: 62, posts_total: 32 });
  });

  it('are still there after a restart, and go on from where they were', async () => {
    const before = (await samplesAt(edge.url)).get(WINDOWS) ?? 0;
    // Read after each, so that each is a write of its own.
    for (let posted = 1; posted <= 3; posted++) {
      await edge.detect([quietWindow()]);
      expect((await samplesAt(edge.url)).get(WINDOWS)).toBe(before + posted);
    }
    await edge.stop();
    edge = await testEdge({}, edge.stateDir);
    expect((await samplesAt(edge.url)).get(WINDOWS)).toBe(65);
    await edge.detect([quietWindow()]);
    expect((await samplesAt(edge.url)).get(WINDOWS)).toBe(66);
  });

  it('come out within seconds though nobody asks, so that an isolate that dies takes little with it', async () => {
    await edge.detect([quietWindow()]);
    const totals = await metricsObject(edge.runtime);
    const counted = async () => (await totals.totals()).default?.ml_detector_windows_total;
    expect(await counted()).toBe(66);
    await expect.poll(counted, { timeout: 8_000 }).toBe(67);
  });

  it('count a batch once whose confirmation was lost, and what gathered meanwhile', async () => {
    const totals = await metricsObject(edge.runtime);
    const feed = new MetricsFeed();
    let lost = 0;
    const taker = {
      add: async (batch: Batch): Promise<void> => {
        await totals.add(batch);
        if (lost++ === 0) throw new Error('the connection broke after the batch was taken');
      },
    };
    feed.tally.add('lossy', 'ml_detector_windows_total', {}, 5);
    await expect(feed.flush(taker)).rejects.toThrow('connection broke');
    feed.tally.add('lossy', 'ml_detector_windows_total', {}, 2);
    await Promise.all([feed.flush(taker), feed.flush(taker)]);
    expect((await totals.totals()).lossy?.ml_detector_windows_total).toBe(7);
  });

  it('of more groups than there is room for stand together under one name', async () => {
    const totals = await metricsObject(edge.runtime);
    for (const round of [0, 1]) {
      const feed = new MetricsFeed();
      for (let i = 0; i < 150; i++) feed.tally.add(`g${round * 150 + i}`, 'ml_detector_windows_total', {}, 1);
      await feed.flush(totals);
    }
    const counted = Object.entries(await totals.totals()).flatMap(([group, series]) =>
      group.startsWith('g') || group === '_other' ? [[group, series.ml_detector_windows_total] as const] : [],
    );
    // The deployment and two groups, default and lossy, were there before.
    expect(counted).toHaveLength(197 + 1);
    expect(new Map(counted).get('_other')).toBe(103);
  });
});

interface MetricsObject extends Taker {
  totals(): Promise<Record<string, Record<string, number>>>;
}

/** The object itself, past any isolate of the Worker. */
async function metricsObject(runtime: Miniflare): Promise<MetricsObject> {
  const { METRICS } = await runtime.getBindings<{ METRICS: { getByName(name: string): MetricsObject } }>('vigia');
  return METRICS.getByName('metrics');
}

describe('two isolates', () => {
  let folder: string;
  let runtime: Miniflare;
  let urls: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vigia-isolates-'));
    const options = await runtimeOptions({ host: '127.0.0.1', port: 0, stateDir: folder, vars: {}, log: () => {} });
    const [first] = options.workers;
    if (first === undefined) throw new TypeError('no Worker');
    // The same code and the same objects, in an isolate of its own; a queue has one consumer.
    const second = { ...first, config: { ...first.config, name: 'vigia-second', exports: {}, triggers: [] } };
    runtime = new Miniflare({ ...options, workers: [...options.workers, second] });
    await runtime.ready;
    urls = await Promise.all(
      ['vigia', 'vigia-second'].map(async (name) => (await runtime.unsafeGetDirectURL(name)).origin),
    );
  });
  afterAll(async () => {
    await runtime.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('answer the same totals, of what both have judged', async () => {
    const [first = '', second = ''] = urls;
    expect(first).not.toBe(second);
    const post = (url: string, count: number): Promise<Response> =>
      fetch(`${url}/detect`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ windows: Array.from({ length: count }, () => quietWindow()) }),
      });
    await Promise.all([post(first, 3), post(second, 4), post(first, 5), post(second, 6)]);
    await samplesAt(first);
    expect((await samplesAt(second)).get(WINDOWS)).toBe(18);
    expect((await samplesAt(first)).get(WINDOWS)).toBe(18);
    expect((await samplesAt(first)).get('ml_detector_processing_seconds_count')).toBe(4);
  });
});

describe('who may read them', () => {
  const key = 'a key of the tests, which is long enough';
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge({ TOKEN_KEY: key });
  });
  afterAll(() => edge.remove());

  const bearer = async (claims: object): Promise<Record<string, string>> => {
    const token = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1 hour');
    return { authorization: `Bearer ${await token.sign(new TextEncoder().encode(key))}` };
  };

  it('is whoever has the scope read, and for one group only its own figures', async () => {
    const ingest = await bearer({ scope: 'ingest' });
    await edge.detect([quietWindow({ group: 'web' }), quietWindow({ group: 'db' })], ingest);
    expect((await fetch(`${edge.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${edge.url}/metrics`, { headers: ingest })).status).toBe(403);
    const all = await samplesAt(edge.url, await bearer({ scope: 'read' }));
    expect(all.get('ml_detector_windows_total{group="db"}')).toBe(1);
    expect([...all.keys()].some((name) => name.startsWith('ml_detector_requests_total'))).toBe(true);
    const web = await bearer({ scope: 'read', group: 'web' });
    const own = [...(await samplesAt(edge.url, web)).keys()];
    expect(own).toContain('ml_detector_windows_total{group="web"}');
    expect(own.filter((name) => !name.includes('group="web"'))).toEqual([]);
    expect((await fetch(`${edge.url}/metrics?group=db`, { headers: web })).status).toBe(403);
  });
});

describe('what happens to incidents, webhooks and models', () => {
  it('is in the page', async () => {
    const receiver = await webhookReceiver();
    receiver.answerWith(500, 204);
    const edge = await testEdge({ WEBHOOK_URL: receiver.url, WEBHOOK_ALLOW_PRIVATE: 'true' });
    try {
      await edge.detect([scanWindow('192.0.2.7')]);
      await receiver.received(1);
      const delivered = async (result: string) =>
        (await samplesAt(edge.url)).get(`ml_detector_webhook_deliveries_total{group="default",result="${result}"}`);
      await expect.poll(() => delivered('failed')).toBe(1);
      expect((await samplesAt(edge.url)).get('ml_detector_webhook_waiting{group="default"}')).toBe(1);
      expect((await samplesAt(edge.url)).get('ml_detector_incidents_open{group="default",state="open"}')).toBe(1);
      expect((await samplesAt(edge.url)).get('ml_detector_incidents_total{group="default"}')).toBe(1);
      await receiver.received(2);
      await expect.poll(() => delivered('delivered')).toBe(1);

      expect((await edge.trainNow()).status).toBe(422);
      const windows = Array.from({ length: 300 }, (_, i) =>
        quietWindow({
          start: new Date(Date.UTC(2026, 10, 20, 11, 0, i)).toISOString(),
          packets_per_second: 80 + (i % 7),
          bytes_per_second: 60_000 + 900 * (i % 11),
        }),
      );
      await edge.detect(windows);
      const { promoted } = (await (await edge.trainNow()).json()) as { promoted: boolean };
      expect(promoted).toBe(true);
      const live = async () =>
        [...(await samplesAt(edge.url))]
          .filter(([name, value]) => name.startsWith('ml_detector_advanced_model_status') && value === 1)
          .map(([name]) => /model_name="(\w+)"/.exec(name)?.[1]);
      await expect.poll(live, { timeout: 15_000 }).toContain('spatial');
      const found = await samplesAt(edge.url);
      expect(found.get('ml_detector_training_window_size{group="default"}')).toBe(300);
      expect(found.get('ml_detector_model_retrain_total{group="default",result="promoted"}')).toBe(1);
      expect(found.get('ml_detector_model_retrain_total{group="default",result="not_enough_data"}')).toBe(1);
      expect(found.get('ml_detector_model_retrain_seconds_count')).toBe(2);
      expect(complaintsAbout(await pageAt(edge.url))).toBe('');
    } finally {
      await edge.remove();
      await receiver.close();
    }
  });
});

it('each metric of the page is explained in docs/metrics.md', () => {
  const documented = readFileSync(join(import.meta.dirname, '../docs/metrics.md'), 'utf8');
  const families = readFileSync(join(import.meta.dirname, '../functions/detect/metrics/families.ts'), 'utf8');
  const names = [...families.matchAll(/^ {2}(ml_detector_\w+):/gm)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !documented.includes(`\`${name}`))).toEqual([]);
});
