/** The whole path: real packets between two namespaces, eBPF, collector, workerd, a signed webhook; and what must stay silent. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ATTACKERS, INTERFACE, Lab, VICTIM } from '../cli/drill/lab.ts';
import { storedWindows } from '../cli/edge/stored-windows.ts';
import { startEdge } from '../cli/edge.ts';
import { detectionFinding, webhookEvent } from '../contract/webhook-event.ts';
import { missing, named } from './ebpf-machine.ts';

const VIGIA = fileURLToPath(new URL('../cli/vigia.ts', import.meta.url));
const RECEIVER = fileURLToPath(new URL('../cli/drill/receiver.ts', import.meta.url));
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const EDGE = 'http://127.0.0.1:8787';
const LEARN_S = 110;
const QUIET_S = 120;
const OFFLINE_S = 20;
const RETRY_S = 30;
const DETECT_WITHIN_S = 5;

const received = z.object({ id: z.string(), verified: z.boolean(), event: webhookEvent });
type Received = z.output<typeof received> & { at_ms: number };

const reason = missing('ip', 'nsenter', 'nmap', 'hping3', 'iperf3', 'curl');

describe.skipIf(reason !== '')(named('the whole path', reason), () => {
  let lab: Lab;
  let folder: string;
  let edge: ChildProcess;
  let collector: ChildProcess;
  const webhooks: Received[] = [];
  const log: Record<string, unknown>[] = [];

  beforeAll(async () => {
    lab = new Lab();
    folder = mkdtempSync(join(tmpdir(), 'vigia-e2e-'));
    const receiver = lab.start('victim', process.execPath, [RECEIVER, '9099'], ['ignore', 'pipe', 'inherit'], {
      WEBHOOK_SECRET: SECRET,
    });
    follow(receiver.stdout, (line) => {
      const parsed = received.safeParse(line);
      if (parsed.success) webhooks.push({ ...parsed.data, at_ms: performance.now() });
    });
    const page = `require('node:http').createServer((q, s) => s.end('x'.repeat(40000))).listen(80, '${VICTIM}')`;
    lab.start('victim', process.execPath, ['-e', page]);
    lab.start('victim', 'iperf3', ['-s']);
    lab.start('attacker', 'iperf3', ['-s', '-p', '5999']);
    edge = await startedEdge();
    collector = lab.start(
      'victim',
      process.execPath,
      [
        VIGIA,
        'collect',
        '--to',
        EDGE,
        '--source',
        `ebpf:${INTERFACE}`,
        '--host',
        'victim',
        '--spool',
        join(folder, 'spool'),
      ],
      ['ignore', 'ignore', 'pipe'],
    );
    follow(collector.stderr, (line) => log.push(line));
  });

  afterAll(() => {
    lab?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  async function startedEdge(): Promise<ChildProcess> {
    const child = lab.start(
      'victim',
      process.execPath,
      [
        VIGIA,
        'up',
        '--no-collector',
        '--state',
        join(folder, 'edge'),
        '--webhook',
        'http://127.0.0.1:9099/',
        '--webhook-allow-private',
      ],
      ['ignore', 'pipe', 'inherit'],
      { WEBHOOK_SECRET: SECRET, INCIDENT_QUIET_S: '20', INCIDENT_REOPEN_S: '1' },
    );
    if (!child.stdout) throw new TypeError('the edge was started without stdout');
    for await (const line of createInterface({ input: child.stdout })) if (line === `ready ${EDGE}`) return child;
    throw new Error('the edge ended before it was ready');
  }

  /** A route of the edge, asked from within the victim's namespace. */
  async function ask(route: string, ...options: string[]): Promise<Record<string, unknown>> {
    const child = lab.start(
      'victim',
      'curl',
      ['-s', '-m', '60', ...options, `${EDGE}${route}`],
      ['ignore', 'pipe', 'inherit'],
    );
    if (!child.stdout) throw new TypeError('curl was started without stdout');
    return z.record(z.string(), z.unknown()).parse(JSON.parse(await text(child.stdout)));
  }

  /** Page visits all the time, and transfers of changing rates both ways. */
  function ordinaryTraffic(seconds: number): ChildProcess[] {
    const rates = '2M 20M 80M 5M 200M';
    const visits = `end=$(($(date +%s)+${seconds})); while [ $(date +%s) -lt $end ]; do curl -s -o /dev/null -m 2 http://${VICTIM}/; sleep 0.1; done`;
    const transfers = `end=$(($(date +%s)+${seconds})); while :; do for rate in ${rates}; do for way in '' -R; do [ $(date +%s) -lt $end ] || exit 0; iperf3 -c ${VICTIM} $way -b $rate -t 2 >/dev/null; done; done; done`;
    return [lab.start('attacker', 'sh', ['-c', visits]), lab.start('attacker', 'sh', ['-c', transfers])];
  }

  const detections = (): Received[] => webhooks.filter(({ event }) => event.type === 'threat.detected');

  /** Runs an attack and waits until its incident is over. @returns the detections it led to, with seconds since its start */
  async function attack(
    side: 'attacker' | 'victim',
    command: string,
    ...args: string[]
  ): Promise<(Received & { seconds: number })[]> {
    const before = detections().length;
    const started_ms = performance.now();
    const tool = lab.start(side, command, args);
    await once(tool, 'exit');
    await sleep(8000);
    return detections()
      .slice(before)
      .map((one) => ({ ...one, seconds: (one.at_ms - started_ms) / 1000 }));
  }

  function expectOne(found: (Received & { seconds: number })[], threat: string, attacker: string): void {
    expect(found.map(({ event }) => `${event.type} ${event.attacking_ips?.join()}`)).toHaveLength(1);
    const [one] = found;
    expect(one?.verified).toBe(true);
    expect(one?.event.attacking_ips).toEqual([attacker]);
    expect(detectionFinding.parse(one?.event.data).finding_info.types).toContain(threat);
    expect(one?.seconds).toBeLessThan(DETECT_WITHIN_S);
  }

  let version: unknown;

  it(
    'a baseline of ordinary traffic is learned and live within 10 s',
    async () => {
      const traffic = ordinaryTraffic(LEARN_S);
      await Promise.all(traffic.map((child) => once(child, 'exit')));
      const trained = await ask('/train', '-X', 'POST');
      expect(trained).toMatchObject({ promoted: true });
      version = trained.version;
      await expectLive(version);
    },
    (LEARN_S + 60) * 1000,
  );

  async function expectLive(wanted: unknown): Promise<void> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const health = await ask('/health');
      if (health.model_version === wanted) return;
      expect(performance.now(), `live is ${String(health.model_version)}, not ${String(wanted)}`).toBeLessThan(
        deadline,
      );
      await sleep(250);
    }
  }

  it(
    'two minutes of ordinary traffic raise nothing',
    async () => {
      const before = detections().length;
      const traffic = ordinaryTraffic(QUIET_S);
      await Promise.all(traffic.map((child) => once(child, 'exit')));
      await sleep(4000);
      expect(
        detections()
          .slice(before)
          .map(({ event }) => JSON.stringify(event)),
      ).toEqual([]);
    },
    (QUIET_S + 30) * 1000,
  );

  it('nmap is told once, within 5 s, by its address', async () => {
    const found = await attack(
      'attacker',
      'nmap',
      '-sS',
      '-Pn',
      '-n',
      '-p1-2000',
      '--min-rate',
      '600',
      '--max-rate',
      '600',
      '-S',
      ATTACKERS[0],
      '-e',
      'vg-attacker',
      VICTIM,
    );
    expectOne(found, 'port_scan', ATTACKERS[0]);
  });

  it('a SYN flood is told once, within 5 s, by its address', async () => {
    const found = await attack(
      'attacker',
      'hping3',
      '-q',
      '-S',
      '-p',
      '80',
      '-i',
      'u200',
      '-c',
      '25000',
      '-a',
      ATTACKERS[1],
      VICTIM,
    );
    expectOne(found, 'syn_flood', ATTACKERS[1]);
  });

  it('exfiltration is told once, within 5 s, by where it goes', async () => {
    const found = await attack('victim', 'iperf3', '-c', ATTACKERS[0], '-p', '5999', '-b', '800M', '-t', '5');
    expectOne(found, 'data_exfiltration', ATTACKERS[0]);
  });

  it(
    'a retrain changes the live model',
    async () => {
      let trained = await ask('/train', '-X', 'POST');
      // Of minutes of traffic a candidate may break the budget by chance, and is held back; it comes again with more.
      for (let more = 0; trained.promoted !== true && more < 3; more++) {
        await Promise.all(ordinaryTraffic(RETRY_S).map((child) => once(child, 'exit')));
        trained = await ask('/train', '-X', 'POST');
      }
      expect(trained, JSON.stringify(trained)).toMatchObject({ promoted: true });
      expect(trained.version).not.toBe(version);
      await expectLive(trained.version);
    },
    (4 * RETRY_S + 60) * 1000,
  );

  it(
    'every window is stored once after the edge was killed for 20 s under traffic',
    async () => {
      const traffic = ordinaryTraffic(OFFLINE_S + 15);
      await sleep(3000);
      if (edge.pid === undefined) throw new Error('the edge has no process');
      process.kill(-edge.pid, 'SIGKILL');
      await sleep(OFFLINE_S * 1000);
      edge = await startedEdge();
      await Promise.all(traffic.map((child) => once(child, 'exit')));
      await sleep(8000);
      collector.kill('SIGTERM');
      await once(collector, 'exit');
      edge.kill('SIGTERM');
      await once(edge, 'exit');
      const report = log.find(({ event }) => event === 'stopped');
      const { counters, lost_windows, waiting_windows } = z
        .object({
          counters: z.object({ windows: z.number() }),
          lost_windows: z.record(z.string(), z.number()),
          waiting_windows: z.number(),
        })
        .parse(report);
      expect(Object.values(lost_windows).filter((count) => count > 0)).toEqual([]);
      expect(waiting_windows).toBe(0);
      expect(log.some(({ event }) => event === 'edge_unreachable')).toBe(true);
      const reader = await startEdge({ port: 0, stateDir: join(folder, 'edge') });
      try {
        const ids = (await storedWindows(reader.runtime)).map(({ id }) => id);
        expect(ids.length).toBe(counters.windows);
        expect(new Set(ids).size).toBe(ids.length);
      } finally {
        await reader.stop();
      }
    },
    (OFFLINE_S + 90) * 1000,
  );
});

function follow(stream: NodeJS.ReadableStream | null, onLine: (line: Record<string, unknown>) => void): void {
  if (!stream) throw new TypeError('a child was started without the stream to follow');
  createInterface({ input: stream }).on('line', (line) => {
    if (line.startsWith('{')) onLine(z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
  });
}
