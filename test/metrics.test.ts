/** The collector's /metrics and /healthz: true to what was counted, bounded, and there while the edge is not. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Allowlist } from '../collector/block/allowlist.ts';
import { CollectorMetrics, type Measured } from '../collector/metrics/collector-metrics.ts';
import { MetricsAddressError, serveMetrics } from '../collector/metrics/serve.ts';
import { VERSION } from '../contract/version.ts';
import { quietWindow } from './edge-fixture.ts';

const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const folder = mkdtempSync(join(tmpdir(), 'vigia-metrics-'));
afterAll(() => rmSync(folder, { recursive: true }));
const lacking = process.getuid?.() === 0 ? '' : ' [skipped: needs root]';

/** The samples of Prometheus' text format: `name{labels}` → value. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const measured = (fields: Partial<Measured> = {}): Measured => ({
  sources: () => [
    {
      spec: 'ebpf:eth0',
      losses: () => ({ parse_error: 3 }),
      traffic: () => [
        {
          interface: 'eth0',
          packets: {
            tcp: { in: 1, out: 2 },
            udp: { in: 3, out: 4 },
            icmp: { in: 5, out: 6 },
            other: { in: 7, out: 8 },
          },
          bytes: { in: 100, out: 200 },
          syn_packets: 9,
        },
      ],
    },
    { spec: 'auth:/var/log/auth.log', losses: () => ({ line_too_long: 1 }) },
  ],
  delivery: {
    counters: { windows: 10, posted_windows: 8, retried: 2, rejected_windows: 1, threats: 4 },
    lastPost_ms: null,
  },
  spool: { waiting: 2, bytes: 2400, contextCut: { no_room: 6 }, lost: { dropped_spool_full: 5 }, writeError: null },
  blocking: {
    list: {
      entries: [],
      droppedByEach: () => new Map(),
      totalDropped: () => ({ packets: 12, bytes: 600 }),
      refused: { allowed: 3, full: 0, too_wide: 0, too_much_traffic: 0 },
      allowlist: new Allowlist(),
    },
    notSaved: 2,
    webhooks: { counts: { taken: 1, replayed: 0, unsigned: 6, malformed: 0, too_large: 0, not_post: 0, failed: 0 } },
  },
  ...fields,
});

describe('the metrics', () => {
  it('bear the names that dashboards know, and count what the kernel, the sources and the spool counted', async () => {
    const metrics = new CollectorMetrics(measured());
    const found = samples(await metrics.render());
    expect(found.get('ebpf_packets_processed_total{interface="eth0",protocol="udp",direction="out"}')).toBe(4);
    expect(found.get('ebpf_bytes_processed_total{interface="eth0",direction="in"}')).toBe(100);
    expect(found.get('ebpf_syn_packets_total{interface="eth0"}')).toBe(9);
    expect(found.get('ebpf_ml_post_failures_total')).toBe(2);
    expect(found.get('vigia_collector_spool_windows')).toBe(2);
    expect(found.get('vigia_collector_spool_bytes')).toBe(2400);
    expect(found.get('vigia_collector_context_cut_total{reason="no_room"}')).toBe(6);
    expect(found.get(`vigia_collector_build_info{version="${VERSION}"}`)).toBe(1);
    expect(found.get('vigia_collector_last_post_timestamp_seconds')).toBe(0);
    expect(found.get('vigia_collector_blocked_packets_total')).toBe(12);
    expect(found.get('vigia_collector_blocks_refused_total{refusal="allowed"}')).toBe(3);
    expect(found.get('vigia_collector_blocks_not_saved_total')).toBe(2);
    expect(found.get('vigia_collector_block_webhooks_total{outcome="unsigned"}')).toBe(6);
    expect(found.get('vigia_collector_lost_windows_total{reason="dropped_spool_full"}')).toBe(5);
    expect(found.get('vigia_collector_losses_total{source="auth:/var/log/auth.log",reason="line_too_long"}')).toBe(1);
    expect(samples(await metrics.render())).toEqual(expect.objectContaining({ size: found.size }));
  });

  it('stand in docs/metrics.md, each of them, and no other', async () => {
    const page = readFileSync(join(import.meta.dirname, '../docs/metrics.md'), 'utf8');
    const [, section = ''] = /^## A collector.*\n([\s\S]*?)^## /m.exec(page) ?? [];
    const rows = section.split('\n').map((line) => line.split('|')[1] ?? '');
    const written = rows.flatMap((names) => [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
    const text = await new CollectorMetrics(measured()).render();
    const own = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
    expect(written.sort()).toEqual(own.filter((name) => !/^(process|nodejs)_/.test(name)).sort());
  });

  it('show the latest window of an interface, its sources in a bounded list, and no more interfaces than a host has', async () => {
    const metrics = new CollectorMetrics(measured());
    const busiest = (prefix: string) => [{ ip: `${prefix}.1`, packets: 7, bytes: 1 }];
    metrics.saw(quietWindow({ sources: busiest('192.0.2') }));
    metrics.saw(quietWindow({ unique_ports: 77, sources: busiest('198.51.100') }));
    const found = samples(await metrics.render());
    expect(found.get('ebpf_unique_ports{interface="eth0"}')).toBe(77);
    expect([...found.keys()].filter((key) => key.startsWith('ebpf_source_packets'))).toEqual([
      'ebpf_source_packets{interface="eth0",ip="198.51.100.1"}',
    ]);
    for (let i = 0; i < 1000; i++) metrics.saw(quietWindow({ interface: `veth${i}` }));
    const ports = [...samples(await metrics.render()).keys()].filter((key) => key.startsWith('ebpf_unique_ports'));
    expect(ports).toHaveLength(256);
    expect(samples(await metrics.render()).get('vigia_collector_windows_not_shown_total')).toBe(745);
  });

  it('say when the edge last stored windows', async () => {
    const { delivery } = measured();
    const metrics = new CollectorMetrics(measured({ delivery: { ...delivery, lastPost_ms: 1000 } }), () => 61_000);
    const told_s = samples(await metrics.render()).get('vigia_collector_last_post_timestamp_seconds') ?? 0;
    expect(Math.abs(Date.now() / 1000 - 60 - told_s)).toBeLessThan(10);
  });

  it('forget an interface that has gone, and have room for another', async () => {
    let now_ms = 0;
    const metrics = new CollectorMetrics(measured(), () => now_ms);
    for (let i = 0; i < 256; i++) metrics.saw(quietWindow({ interface: `veth${i}` }));
    now_ms = 170_000;
    metrics.saw(quietWindow({ interface: 'veth7' }));
    now_ms = 181_000;
    metrics.saw(quietWindow({ interface: 'vethnew' }));
    const found = [...samples(await metrics.render()).keys()].filter((key) => key.startsWith('ebpf_unique_ports'));
    expect(found).toEqual(['ebpf_unique_ports{interface="veth7"}', 'ebpf_unique_ports{interface="vethnew"}']);
  });
});

describe('the server', () => {
  it('answers what it serves, refuses the rest, and says when the disk refuses windows', async () => {
    const metrics = new CollectorMetrics(measured());
    let ok = true;
    const served = await serveMetrics('127.0.0.1:0', metrics, () => ({ ok, facts: { waiting_windows: 2 } }));
    try {
      const answer = await fetch(`${served.url}/metrics`);
      expect(answer.headers.get('content-type')).toMatch(/text\/plain; version=0\.0\.4/);
      expect(await answer.text()).toContain('# TYPE ebpf_packets_processed_total counter');
      expect(await (await fetch(`${served.url}/healthz`)).json()).toEqual({ status: 'ok', waiting_windows: 2 });
      ok = false;
      expect((await fetch(`${served.url}/healthz`)).status).toBe(503);
      expect((await fetch(`${served.url}/etc/passwd`)).status).toBe(404);
      expect((await fetch(`${served.url}/metrics`, { method: 'POST' })).status).toBe(405);
      const taken = served.url.slice('http://'.length);
      await expect(serveMetrics(taken, metrics, () => ({ ok, facts: {} }))).rejects.toThrow(MetricsAddressError);
    } finally {
      served.close();
    }
  });
});

describe('a collector', () => {
  let stop = async (): Promise<void> => undefined;
  afterEach(() => stop());

  /** The address of its metrics. */
  async function collect(...args: string[]): Promise<string> {
    const spool = join(folder, `spool-${Math.random()}`);
    const options = ['--to', 'http://127.0.0.1:9', '--spool', spool, '--metrics', '127.0.0.1:0'];
    const child = spawn(process.execPath, [VIGIA, 'collect', ...options, ...args]);
    const closed = new Promise((resolve) => child.once('close', resolve));
    stop = async () => {
      child.kill('SIGTERM');
      await closed;
    };
    for await (const text of createInterface({ input: child.stderr })) {
      const line = JSON.parse(text) as { event: string; metrics?: string };
      if (line.event === 'started' && line.metrics) return line.metrics;
    }
    throw new Error('the collector ended');
  }

  it('whose edge is away shows what waits', async () => {
    const file = join(folder, 'windows.ndjson');
    writeFileSync(file, Array.from({ length: 5 }, () => `${JSON.stringify(quietWindow())}\n`).join(''));
    const url = await collect('--source', `windows:${file}`, '--source', `auth:${join(folder, 'auth.log')}`);
    const waiting = async () => samples(await (await fetch(url)).text()).get('vigia_collector_spool_windows');
    await expect.poll(waiting, { timeout: 15_000 }).toBe(5);
    const health = await (await fetch(url.replace('/metrics', '/healthz'))).json();
    expect(health).toMatchObject({ status: 'ok', problems: [], waiting_windows: 5, posted_windows: 0 });
    expect(health).toMatchObject({ last_post_age_s: null, failing_sources: [] });
    expect((health as { spool_bytes: number }).spool_bytes).toBeGreaterThan(0);
  });

  it.skipIf(lacking !== '')(`counts in the kernel by protocol and direction, as ping says${lacking}`, async () => {
    const url = await collect('--source', 'ebpf:lo');
    const icmp = async (direction: string): Promise<number> => {
      const found = samples(await (await fetch(url)).text());
      return found.get(`ebpf_packets_processed_total{interface="lo",protocol="icmp",direction="${direction}"}`) ?? 0;
    };
    const before = { in: await icmp('in'), out: await icmp('out') };
    expect(spawnSync('ping', ['-c', '5', '-i', '0.2', '127.0.0.1']).status).toBe(0);
    // On the loopback each of five requests and five replies goes out and comes in.
    await expect.poll(() => icmp('in'), { timeout: 10_000 }).toBe(before.in + 10);
    await expect.poll(() => icmp('out'), { timeout: 10_000 }).toBe(before.out + 10);
  });
});
