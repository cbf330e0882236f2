/** A real Prometheus scrapes the real collector, the real edge and a real node_exporter, and /detect/prom judges by it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Result } from '../contract/result.ts';
import { expose, type Series, seriesOf } from '../functions/detect/metrics/exposition.ts';
import { FAMILIES } from '../functions/detect/metrics/families.ts';
import { type Link, makeLink, NEAR_ADDRESS } from './ebpf-link.ts';
import { missing, named } from './ebpf-machine.ts';
import { type TestEdge, testEdge } from './edge-fixture.ts';
import { type LoopbackServer, serve } from './loopback-server.ts';
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

describe.skipIf(reason)(named('with everything running', reason), () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-prom-'));
  const children: ChildProcess[] = [];
  let link: Link;
  let edge: TestEdge;
  let prometheus: Prometheus;
  let collector: string;
  let exporter: string;
  let labels: LoopbackServer;
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
