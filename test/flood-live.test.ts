/** A collector under a flood from random addresses: its memory stays, its windows come on time, and who talks steadily is still seen. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unitEnvironment } from '../bench/collector/unit-environment.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { end, FAR_ADDRESS, type Link, makeLink, NEAR_ADDRESS } from './ebpf-link.ts';
import { missing, named } from './ebpf-machine.ts';
import { EdgeStandIn, until } from './edge-stand-in.ts';

const reason = missing('ip', 'tc', 'sysctl', 'hping3');
const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const UNIT = readFileSync(join(import.meta.dirname, '../infra/vigia-collector.service'), 'utf8');
const MEMORY_MAX_MIB = Number(/^MemoryMax=(\d+)M$/m.exec(UNIT)?.[1]);

const FLOOD_MS = 12_000;
/** The garbage collector's timing moves the highest value of a half by a few MiB. */
const FLAT_WITHIN_MIB = 16;
const STEADY_PORT = 9;

/** Sends a datagram every 5 ms until its stdin ends, and then tells how many. */
const STEADY = `
  const socket = require('node:dgram').createSocket('udp4');
  let sent = 0;
  const timer = setInterval(() => socket.send('steady', ${STEADY_PORT}, '${NEAR_ADDRESS}', () => sent++), 5);
  process.stdin.resume().on('end', () => {
    clearInterval(timer);
    setTimeout(() => { console.log(sent); socket.close(); }, 100);
  });`;

describe.skipIf(reason)(named('a collector while random addresses flood it', reason), () => {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-flood-'));
  const children: ChildProcess[] = [];
  const resident_MiB: number[] = [];
  let link: Link;
  let edge: EdgeStandIn;
  let sink: Socket;
  let sent = 0;
  let received = 0;
  let losses = Number.NaN;

  const windows = (): NetworkWindow[] =>
    edge.stored.flatMap((post) => post.windows).sort((one, other) => Date.parse(one.start) - Date.parse(other.start));
  const inside = (...command: string[]): ChildProcess => {
    const child = spawn('ip', [...link.inside, ...command], { stdio: ['pipe', 'pipe', 'ignore'] });
    children.push(child);
    return child;
  };

  beforeAll(async () => {
    link = makeLink('fl', true);
    edge = await EdgeStandIn.start();
    // Without it the host answers each datagram.
    sink = createSocket('udp4').bind(STEADY_PORT, NEAR_ADDRESS);
    await once(sink, 'listening');
    const sources = ['--source', `ebpf:${link.near}`, '--metrics', '127.0.0.1:0', '--spool', join(folder, 'spool')];
    const collector = spawn(process.execPath, [VIGIA, 'collect', '--to', edge.url, ...sources], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...unitEnvironment(folder) },
    });
    children.push(collector);
    let metrics = '';
    createInterface({ input: collector.stderr }).on('line', (line) => {
      metrics ||= JSON.parse(line).metrics ?? '';
    });
    await until('a window', () => windows().length > 0);

    const before = receivedBy(link);
    const steady = inside(process.execPath, '-e', STEADY);
    const counted = once(createInterface({ input: steady.stdout! }), 'line');
    const flood = inside('hping3', '-q', '-S', '-p', '80', '--flood', '--rand-source', NEAR_ADDRESS);
    for (const until_ms = performance.now() + FLOOD_MS; performance.now() < until_ms; ) {
      await sleep(250);
      resident_MiB.push(resident(collector));
    }
    await end(flood, 'SIGINT');
    steady.stdin?.end();
    sent = Number((await counted)[0]);
    const last = windows().length;
    await until('the last windows', () => windows().length >= last + 4);
    losses = sample(await (await fetch(metrics)).text(), 'source_not_tracked');
    await end(collector, 'SIGTERM');
    // What answers and asks for addresses come after the flood is counted too; by now it has ended.
    received = receivedBy(link) - before;
  }, 60_000);

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    sink.close();
    link.remove();
    await edge.stop();
    rmSync(folder, { recursive: true });
  });

  const total = (field: 'packets' | 'syn_packets'): number =>
    windows().reduce((sum, window) => sum + (window[field] ?? 0), 0);
  const flooded = (): NetworkWindow[] => windows().filter(({ syn_packets }) => (syn_packets ?? 0) > 5000);

  it('keeps its memory, far below what the unit allows', () => {
    const half = resident_MiB.length / 2;
    const [first, second] = [resident_MiB.slice(0, half), resident_MiB.slice(half)].map((part) => Math.max(...part));
    expect(second, resident_MiB.join(' ')).toBeLessThan((first ?? 0) + FLAT_WITHIN_MIB);
    expect(second).toBeLessThan(MEMORY_MAX_MIB / 2);
  });

  it('ends a window each second, and the next begins where it ended', () => {
    expect(flooded().length).toBeGreaterThan(FLOOD_MS / 1000 - 3);
    for (const [i, window] of windows().slice(0, -1).entries()) {
      const next = windows()[i + 1];
      const end_ms = Date.parse(window.start) + 1000 * window.duration_s;
      expect(Math.abs(Date.parse(next?.start ?? '') - end_ms), `${window.start} and the next`).toBeLessThan(100);
    }
    for (const { start, duration_s } of flooded()) expect(duration_s, start).toBeLessThan(2);
  });

  it('counts every packet that the interface received', () => {
    expect(total('packets')).toBe(received);
  });

  it('names who talks steadily as the first source, with all it sent', () => {
    const steady = windows().flatMap(({ sources }) => (sources ?? []).filter(({ ip }) => ip === FAR_ADDRESS));
    for (const { start, sources } of flooded().slice(1, -1)) expect(sources?.[0]?.ip, start).toBe(FAR_ADDRESS);
    expect(sent).toBeGreaterThan(100);
    const seen = steady.reduce((sum, { packets }) => sum + packets, 0);
    expect(Math.abs(seen / sent - 1), `${seen} of ${sent}`).toBeLessThan(0.01);
  });

  it('tells how many addresses there were, and counts the packets of those it could not keep apart', () => {
    for (const { start, unique_ips, syn_packets } of flooded())
      expect(Math.abs((unique_ips ?? 0) / (syn_packets ?? 0) - 1), start).toBeLessThan(0.07);
    const most = flooded().reduce((sum, { syn_packets }) => sum + (syn_packets ?? 0) - 4096, 0);
    expect(losses).toBeGreaterThan(0);
    expect(losses).toBeLessThanOrEqual(total('syn_packets'));
    // Of each window the first 4,096 addresses find room, and of the rest one packet in 16 at most.
    expect(losses).toBeGreaterThanOrEqual(most * (15 / 16) * 0.95);
  });
});

const receivedBy = ({ near }: Link): number => {
  const read = (name: string): number => Number(readFileSync(`/sys/class/net/${near}/statistics/${name}`, 'utf8'));
  return read('rx_packets') + read('tx_packets');
};

const resident = ({ pid }: ChildProcess): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** The value of a loss in Prometheus' text format. */
const sample = (text: string, loss: string): number =>
  Number(new RegExp(`^vigia_collector_losses_total\\{.*reason="${loss}"\\} (\\S+)$`, 'm').exec(text)?.[1]);
