/** What docs/configuration.md says of a collector at the limits of its unit, with the kernel setting them as systemd would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { unitEnvironment } from '../bench/collector/unit-environment.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { ControlGroup, groupsMissing } from './control-group.ts';
import { end, finish, type Link, makeLink, NEAR_ADDRESS } from './ebpf-link.ts';
import { missing, named } from './ebpf-machine.ts';
import { EdgeStandIn, until } from './edge-stand-in.ts';

const reason = missing('ip', 'tc', 'sysctl', 'hping3', 'journalctl') || groupsMissing('cpu', 'pids');
const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const UNIT = readFileSync(join(import.meta.dirname, '../infra/vigia-collector.service'), 'utf8');
const TASKS_MAX = Number(/^TasksMax=(\d+)$/m.exec(UNIT)?.[1]);
const DATAGRAMS = 40_000;
const PORT = 9;

describe.skipIf(reason)(named('a collector at a limit of its unit', reason), () => {
  let folder: string;
  let link: Link;
  let edge: EdgeStandIn;
  let collector: ChildProcess;
  let log: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vigia-limits-'));
    link = makeLink('lim', true);
    edge = await EdgeStandIn.start();
    log = '';
    settings(`ebpf:${link.near}`);
    const args = ['collect', '--config', join(folder, 'collector.toml'), '--spool', join(folder, 'spool')];
    collector = spawn(process.execPath, [VIGIA, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...unitEnvironment(folder) },
    });
    collector.stderr?.on('data', (chunk) => (log += chunk));
    await until('a window', () => windows().length > 0);
  });
  afterEach(async () => {
    await end(collector, 'SIGKILL');
    await edge.stop();
    link.remove();
    rmSync(folder, { recursive: true });
  });

  const settings = (...sources: string[]): void =>
    writeFileSync(join(folder, 'collector.toml'), `to = "${edge.url}"\nsource = ${JSON.stringify(sources)}\n`);
  /** Each once: a post that was not answered in time came again, as an edge knows by the ids. */
  const windows = (): NetworkWindow[] => [
    ...new Map(edge.stored.flatMap((post) => post.windows).map((window) => [window.id, window])).values(),
  ];
  const group = (controller: 'cpu' | 'pids'): ControlGroup => {
    const made = new ControlGroup(controller, `vigia-${controller}-${process.pid}`);
    onTestFinished(() => made.remove());
    return made;
  };

  it('at CPUQuota: windows come late and long, and not a packet is missing', async () => {
    const sink = createSocket('udp4').bind(PORT, NEAR_ADDRESS);
    onTestFinished(() => void sink.close());
    await once(sink, 'listening');
    const cpu = group('cpu');
    // The unit's quota is far more than it needs: a fiftieth of it is not enough.
    cpu.limitCpu(0.01);
    cpu.add(collector.pid ?? 0);
    const options = ['-q', '-2', '-p', `${PORT}`, '-i', 'u200', '-c', `${DATAGRAMS}`];
    const flood = `ip ${link.inside.join(' ')} hping3 ${options.join(' ')} ${NEAR_ADDRESS} 2>/dev/null || true`;
    await finish('sh', '-c', flood);
    await sleep(1000);
    cpu.limitCpu(null);
    await end(collector, 'SIGTERM');

    expect(cpu.throttledPeriods).toBeGreaterThan(10);
    expect(Math.max(...windows().map(({ duration_s }) => duration_s))).toBeGreaterThan(1.5);
    expect(windows().reduce((sum, { udp_packets }) => sum + (udp_packets ?? 0), 0)).toBe(DATAGRAMS);
    const starts = windows().map(({ start }) => Date.parse(start));
    for (const [i, { duration_s, start }] of windows().slice(0, -1).entries())
      expect(Math.abs((starts[i] ?? 0) + 1000 * duration_s - (starts[i + 1] ?? 0)), start).toBeLessThan(100);
  }, 60_000);

  it('at TasksMax: it needs far fewer itself; journalctl is told not to start, and the interface is watched on', async () => {
    const pids = group('pids');
    pids.add(collector.pid ?? 0);
    expect(pids.tasks).toBeLessThan(TASKS_MAX / 2);
    pids.limitTasks(pids.tasks);
    settings(`ebpf:${link.near}`, 'journal');
    collector.kill('SIGHUP');
    await until('the complaint', () => log.includes('added_source_failed'));
    expect(log).toMatch(/"event":"added_source_failed".*journalctl cannot be run: spawn journalctl EAGAIN/);
    const before = windows().length;
    await until('more windows', () => windows().length > before + 2);
    await end(collector, 'SIGTERM');
    expect(collector.exitCode).toBe(0);
  }, 60_000);
});
