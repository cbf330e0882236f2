/** A real Prometheus scrapes the real collector, the real edge and a real node_exporter, and /detect/prom judges by it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Result } from '../contract/result.ts';
import { expose, type Series, seriesOf } from '../functions/detect/metrics/exposition.ts';
import { FAMILIES } from '../functions/detect/metrics/families.ts';
import { type Link, makeLink, NEAR_ADDRESS } from './ebpf-link.ts';
import { missing, named } from './ebpf-machine.ts';
import { type TestEdge, testEdge } from './edge-fixture.ts';
import {
  complaintsAbout,
  ended,
  freePort,
  type Prometheus,
  prometheusProgram,
  serves,
  startPrometheus,
} from './prometheus-fixture.ts';

const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const RULES = join(import.meta.dirname, '../infra/prometheus/vigia-alerts.yml');
const reason = missing('ip', 'tc', 'sysctl', 'nmap', 'ping');

interface PromAnswer {
  instance: string | null;
  features: Record<string, number>;
  absent: { feature: string; metrics: string[]; reason: string }[];
  result: Result;
}

/** A server on loopback that answers as a test wants. */
async function serve(listener: RequestListener): Promise<{ url: string; at: string; close(): void }> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${at}`, at, close: () => void server.close().closeAllConnections() };
}

describe.skipIf(reason)(named('with everything running', reason), () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-prom-'));
  const children: ChildProcess[] = [];
  let link: Link;
  let edge: TestEdge;
  let prometheus: Prometheus;
  let collector: string;
  let exporter: string;
  let labels: { url: string; at: string; close(): void };
  let values: string[];

  beforeAll(async () => {
    link = makeLink('prom', true);
    const port = await freePort();
    edge = await testEdge({ PROMETHEUS_URL: `http://127.0.0.1:${port}` });
    collector = await startCollector();
    exporter = `127.0.0.1:${await freePort()}`;
    const node = spawn(
      prometheusProgram('prometheus-node-exporter'),
      [`--web.listen-address=${exporter}`, '--collector.disable-defaults', '--collector.netdev'],
      { stdio: 'ignore' },
    );
    children.push(node);
    expect(await serves(`http://${exporter}/metrics`, node)).toBe(true);
    values = fc.sample(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), { numRuns: 300, seed: 7 });
    const page = pageOf(values);
    labels = await serve((_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(page));
    prometheus = await startPrometheus(
      port,
      [
        { job: 'vigia-collector', at: collector },
        { job: 'vigia-edge', at: edge.url.slice('http://'.length) },
        { job: 'node', at: exporter },
        { job: 'labels', at: labels.at },
      ],
      RULES,
    );
  });
  afterAll(async () => {
    await prometheus?.stop();
    for (const child of children) await ended(child);
    labels?.close();
    await edge?.remove();
    link?.remove();
    rmSync(folder, { recursive: true });
  });

  /** Posts to the edge, and answers where its metrics are. */
  async function startCollector(): Promise<string> {
    const options = ['--to', edge.url, '--spool', join(folder, 'spool'), '--metrics', '127.0.0.1:0'];
    const child = spawn(process.execPath, [VIGIA, 'collect', ...options, '--source', `ebpf:${link.near}`]);
    children.push(child);
    for await (const text of createInterface({ input: child.stderr })) {
      const line = JSON.parse(text) as { event: string; metrics?: string };
      if (line.event === 'started' && line.metrics) return new URL(line.metrics).host;
    }
    throw new Error('the collector ended');
  }

  const inside = (...command: string[]): ChildProcess => spawn('ip', [...link.inside, ...command], { stdio: 'ignore' });

  async function ask(body: object): Promise<PromAnswer> {
    const answer = await edge.post('/detect/prom', body);
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return (await answer.json()) as PromAnswer;
  }

  it('features are the rates of what was sent, and a scan is called by its name', async () => {
    // Ten requests a second, and ten replies.
    const pings = inside('ping', '-q', '-i', '0.1', NEAR_ADDRESS);
    children.push(pings);
    const rates = async () => (await ask({ window: '8s' })).features;
    await expect
      .poll(async () => (await rates()).icmp_packets, { timeout: 30_000, interval: 1000 })
      .toBeGreaterThan(18);
    const { features, absent, instance, result } = await ask({ window: '8s' });
    expect(instance).toBe(collector);
    expect(features.icmp_packets).toBeLessThan(22);
    expect(features.bytes_in_per_second).toBeCloseTo((features.bytes_per_second ?? 0) / 2, -2);
    // An echo of 56 bytes is a frame of 98.
    expect((features.bytes_per_second ?? 0) / (features.packets_per_second ?? 1)).toBeGreaterThan(80);
    expect(features.unique_ips).toBe(1);
    expect(absent).toEqual([]);
    expect(result).toMatchObject({ threat_detected: false, window: null });

    const scan = inside(
      'nmap',
      '-sS',
      '-n',
      '-Pn',
      '--min-rate',
      '400',
      '--max-rate',
      '400',
      '-p',
      '1-4000',
      NEAR_ADDRESS,
    );
    children.push(scan);
    const threats = async () => (await ask({ window: '5s' })).result.threat_types;
    await expect.poll(threats, { timeout: 15_000, interval: 500 }).toContain('port_scan');
    await ended(scan);
    await ended(pings);
  });

  it('a GET is the same question, and other names, labels and windows are taken', async () => {
    const query = new URLSearchParams({
      window: '30s',
      instance: collector,
      'labels.interface': link.near,
      'metrics.packets_per_second': 'ebpf_packets_per_second',
      'metrics.jitter_ms': 'my_jitter',
      'metrics.packet_loss_rate': 'ebpf_packets_per_second + ebpf_packets_per_second',
      colour: 'red',
    });
    const answer = await fetch(`${edge.url}/detect/prom?${query}`);
    expect(answer.status).toBe(200);
    const { features, absent } = (await answer.json()) as PromAnswer;
    const [gauge] = await prometheus.query('avg_over_time(ebpf_packets_per_second[30s])');
    expect((features.packets_per_second ?? 0) / (gauge?.value ?? 1)).toBeCloseTo(1, 0);
    expect(absent).toEqual([
      { feature: 'jitter_ms', metrics: ['my_jitter'], reason: 'no samples in the last 30 s' },
      expect.objectContaining({ feature: 'packet_loss_rate', reason: expect.stringMatching(/^its value is [\d.]+: /) }),
    ]);
  });

  it("node_exporter's names are a preset", async () => {
    const body = { preset: 'node_exporter', instance: exporter, labels: { device: link.near }, window: '30s' };
    const { features, absent } = await ask(body);
    expect(absent).toEqual([]);
    const [sent] = await prometheus.query(`rate(node_network_transmit_bytes_total{device="${link.near}"}[30s])`);
    expect((features.bytes_out_per_second ?? 0) / (sent?.value ?? 1)).toBeCloseTo(1, 0);
    expect(features.packets_per_second).toBeGreaterThan(0);
  });

  it('several targets are not added up, but listed; and metrics that are nowhere are named', async () => {
    const everywhere = { metrics: { unique_ips: 'up' } };
    const several = await edge.post('/detect/prom', everywhere);
    expect(several.status).toBe(422);
    expect(((await several.json()) as { detail: string }).detail).toContain(collector);
    const nowhere = await edge.post('/detect/prom', { instance: 'web-9:9477' });
    expect(nowhere.status).toBe(422);
    expect(await nowhere.json()).toMatchObject({
      errors: expect.arrayContaining([expect.objectContaining({ path: 'unique_ips' })]),
    });
  });

  it("both pages are in order for promtool, and Prometheus' sums of the edge are those of its page", async () => {
    for (const page of [`http://${collector}/metrics`, `${edge.url}/metrics`]) {
      // Three of Node's own metrics are gauges that prom-client calls a total.
      const own = (await (await fetch(page)).text())
        .split('\n')
        .filter((line) => !/^(# (HELP|TYPE) )?nodejs_active_/.test(line));
      expect(complaintsAbout(own.join('\n'))).toBe('');
    }
    const stored = async () => (await prometheus.query('ml_detector_windows_total{group="default"}'))[0]?.value ?? 0;
    const posted = async () => (await prometheus.query('vigia_collector_posted_windows_total'))[0]?.value ?? -1;
    // Every window of the collector, and those that were judged by what Prometheus knew.
    expect(await posted()).toBeGreaterThan(5);
    await expect.poll(async () => (await stored()) - (await posted()), { timeout: 5_000 }).toBeGreaterThan(0);
    const scans = async () =>
      (await prometheus.query('sum(ml_detector_threats_total{threat_type="port_scan"})'))[0]?.value ?? 0;
    // Prometheus knows it one scrape later.
    await expect.poll(scans, { timeout: 5_000 }).toBeGreaterThan(0);
  });

  it('whatever stands in a label, Prometheus reads it as it was written', async () => {
    const scraped = async () => (await prometheus.query('odd_labels')).length;
    await expect.poll(scraped, { timeout: 10_000 }).toBe(new Set(values).size);
    const found = (await prometheus.query('odd_labels')).map(({ metric }) => metric.text);
    expect(new Set(found)).toEqual(new Set(values));
  });

  it('the alert rules run, and none fires while all is well', async () => {
    const groups = await prometheus.api<{
      groups: { rules: { name: string; query: string; health: string; state: string }[] }[];
    }>('rules');
    const rules = groups.groups.flatMap(({ rules }) => rules);
    expect(rules.length).toBeGreaterThan(9);
    const named = rules.flatMap(({ query }) => query.match(/\b(ml_detector|vigia_collector|ebpf)_\w+/g) ?? []);
    const scraped = await prometheus.api<string[]>('label/__name__/values');
    expect(named.filter((name) => !scraped.includes(name) && !(name in FAMILIES))).toEqual([]);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(rules.filter(({ state }) => state === 'firing').map(({ name }) => name)).toEqual([]);
  });
});

function pageOf(texts: readonly string[]): string {
  const samples = [...new Set(texts)].map((text, i): [Series, number] => [seriesOf('odd_labels', { text }), i]);
  return expose({ odd_labels: { type: 'gauge', help: 'A back\\slash and\na line.' } }, samples);
}

describe('a server that is not as it should be', () => {
  const key = 'a key of the tests, which is long enough';
  const wrong: [what: string, words: string, answer: RequestListener][] = [
    ['a page', 'is no Prometheus', (_, response) => response.setHeader('content-type', 'text/html').end('<html>')],
    ['a redirect', '(status 302)', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['too much', 'larger than', (_, response) => response.end('x'.repeat(2_000_000))],
    [
      'a refusal',
      'refused the query (bad_data): no',
      (_, response) => response.end(JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'no' })),
    ],
  ];

  let edge: TestEdge;
  let server: { url: string; at: string; close(): void };
  let answer: RequestListener = () => {};
  const seen: { url: string | undefined; authorization: string | undefined }[] = [];
  beforeAll(async () => {
    server = await serve((request, response) => {
      seen.push({ url: request.url, authorization: request.headers.authorization });
      answer(request, response);
    });
    edge = await testEdge({
      PROMETHEUS_URL: `http://me:p%40ss@${server.at}/below/`,
      PROM_METRIC_UNIQUE_IPS: 'mine{a="b"}',
      TOKEN_KEY: key,
    });
  });
  afterAll(async () => {
    await edge.remove();
    server.close();
  });

  const bearer = async (claims: object): Promise<Record<string, string>> => {
    const token = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1 hour');
    return { authorization: `Bearer ${await token.sign(new TextEncoder().encode(key))}` };
  };
  const ask = async (body: object): Promise<{ status: number; detail: string; type: string | null }> => {
    const response = await edge.post('/detect/prom', body, await bearer({ scope: 'read' }));
    const { detail } = (await response.json()) as { detail: string };
    return { status: response.status, detail, type: response.headers.get('content-type') };
  };

  it.each(wrong)('that answers with %s is told as such: %s', async (_, words, listener) => {
    answer = listener;
    const { status, detail, type } = await ask({});
    expect([status, type]).toEqual([502, 'application/problem+json']);
    expect(detail).toContain(words);
    expect(seen.at(-1)).toEqual({ url: '/below/api/v1/query', authorization: `Basic ${btoa('me:p@ss')}` });
  });

  it('that answers and never ends is given up', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"status":');
    };
    const began = performance.now();
    const { status, detail } = await ask({});
    expect(status).toBe(504);
    expect(detail).toContain('shorter "window"');
    expect(performance.now() - began).toBeLessThan(12_000);
  });

  it.each<[string, object]>([
    ['a name with PromQL in it', { metrics: { unique_ips: 'a) or vector(1' } }],
    ['a name with a range', { metrics: { unique_ips: 'a[1y]' } }],
    ['a regular expression', { metrics: { unique_ips: 'a{b=~".*"}' } }],
    ['a label that ends its quotes', { labels: { device: 'eth0"} or vector(1) or x{y="' } }],
    ['a label name with an operator', { labels: { 'a=~"x",b': 'y' } }],
    ["Prometheus' own label", { labels: { __name__: 'up' } }],
    ['an instance with a backslash', { instance: 'web-1\\' }],
    ['a window that is an expression', { window: '1m] offset 1d' }],
    ['a window of a year', { window: '8760h' }],
    ['a feature that is none', { metrics: { shoe_size: 'a' } }],
    ['five terms', { metrics: { unique_ips: 'a + b + c + d + e' } }],
    ['another preset', { preset: 'statsd' }],
  ])('is never asked with %s', async (_, body) => {
    const before = seen.length;
    const { status, type } = await ask(body);
    expect([status, type]).toEqual([400, 'application/problem+json']);
    expect(seen).toHaveLength(before);
  });

  it('and a body cannot choose it', async () => {
    const other = await serve((_, response) => response.end('{}'));
    const asked = seen.length;
    answer = (_, response) => response.writeHead(500).end();
    await ask({ url: other.url, PROMETHEUS_URL: other.url, prometheus: other.url });
    expect(seen).toHaveLength(asked + 1);
    other.close();
  });

  it('is asked for nobody whose token is of one host or group, or has no scope read', async () => {
    const before = seen.length;
    for (const claims of [{ scope: 'ingest' }, { scope: 'read', group: 'web' }, { scope: 'read', host: 'web-1' }])
      expect((await edge.post('/detect/prom', {}, await bearer(claims))).status).toBe(403);
    expect(seen).toHaveLength(before);
  });

  it('that is away is told so; and without PROMETHEUS_URL there is none', async () => {
    server.close();
    const away = await ask({});
    expect(away.status).toBe(502);
    expect(away.detail).toContain('PROMETHEUS_URL');
    expect(edge.logs.join()).not.toContain('p%40ss');
  });
});

it('a metric that is set wrongly is told by /health', async () => {
  const edge = await testEdge({ PROM_METRIC_UNIQUE_IPS: 'a) or vector(1' });
  try {
    const health = await fetch(`${edge.url}/health`);
    expect(health.status).toBe(503);
    expect(((await health.json()) as { detail: string }).detail).toContain(
      'PROM_METRIC_UNIQUE_IPS: must be a metric name',
    );
  } finally {
    await edge.remove();
  }
});

describe('infra/prometheus', () => {
  const promtool = (...args: string[]): string => {
    const { stdout, stderr } = spawnSync(prometheusProgram('promtool'), args, { encoding: 'utf8' });
    return stdout + stderr;
  };
  const file = (name: string): string => join(import.meta.dirname, '../infra/prometheus', name);

  it('holds a configuration and rules that promtool accepts, and that do what they say', () => {
    expect(promtool('check', 'config', '--syntax-only', file('prometheus.yml'))).toContain('SUCCESS');
    expect(promtool('check', 'rules', RULES)).toMatch(/SUCCESS: \d+ rules found/);
    expect(promtool('test', 'rules', file('vigia-alerts.test.yml'))).toMatch(/SUCCESS/);
  });
});
