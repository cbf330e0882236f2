/** Drills through the real command: real tools, the kernel, the edge and a receiver that checks signatures. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { missing, named } from './ebpf-machine.ts';

const VIGIA = fileURLToPath(new URL('../cli/vigia.ts', import.meta.url));
const reason = missing('ip', 'nsenter', 'nmap', 'hping3', 'iperf3', 'curl', 'hydra', 'sshd');

interface Moment {
  kind: string;
  text: string;
  facts: { verified?: boolean; event?: { type: string; attacking_ips?: string[] } };
}

const drill = (temporary: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [VIGIA, 'drill', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary },
  });

const namespacesOf = (pid: number | undefined): string[] =>
  existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith(`vigia-drill-${pid}-`)) : [];

let temporary = '';
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'vigia-test-drill-'));
});
afterEach(() => rmSync(temporary, { recursive: true, force: true }));

function childrenOf(pid: number | undefined): number[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const direct = pairs.filter(([, parent]) => parent === pid).map(([child]) => child ?? 0);
  return direct.flatMap((child) => [child, ...childrenOf(child)]);
}

describe.skipIf(reason)(named('drills', reason), () => {
  /** Holds a drill to its end. @returns the events that its webhook receiver got, and what it measured of its path */
  async function held(name: string): Promise<{ events: NonNullable<Moment['facts']['event']>[]; measured: string[] }> {
    const child = drill(temporary, name, '--json');
    const { stdout, stderr } = child;
    if (!stdout || !stderr) throw new Error('the drill has no output');
    const [output, progress, [code, signal]] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
    expect(code ?? signal, progress + output).toBe(0);
    const moments = output
      .trim()
      .split('\n')
      .map((line): Moment => JSON.parse(line));
    expect(moments.at(-1)?.text).toMatch(/^detected in \d+\.\d s$/);
    expect(namespacesOf(child.pid)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
    const webhooks = moments.filter(({ kind }) => kind === 'webhook').map(({ facts }) => facts);
    expect(webhooks.every(({ verified }) => verified)).toBe(true);
    return {
      events: webhooks.flatMap(({ event }) => event ?? []),
      measured: moments.filter(({ kind }) => kind === 'measured').map(({ text }) => text),
    };
  }

  test.for([
    ['port-scan', 'port_scan'],
    ['syn-flood', 'syn_flood'],
    ['exfiltration', 'data_exfiltration'],
    ['brute-force', 'brute_force_attack'],
  ])('%s is told once, signed, as %s of the attacker, and leaves nothing behind', async ([name = '', type = '']) => {
    const detected = (await held(name)).events.filter((event) => event.type === 'threat.detected');
    expect(detected).toHaveLength(1);
    expect(detected[0]?.attacking_ips).toEqual(['10.203.0.2']);
    expect(JSON.stringify(detected[0])).toContain(type);
  });

  test('qos is told as one incident that accuses nobody, and measured as it was set, in order and reordered', async () => {
    const { events, measured } = await held('qos');
    // By its exit of 0, latency within 10 % and loss within 20 %.
    const figures =
      'latency [78]\\d\\.\\d ms of 80 ms set \\(\\S+ %\\), loss [34]\\.\\d % of 4 % set \\(\\S+ %\\), over \\d+ windows';
    expect(measured).toEqual(['in order', 'reordered'].map((mode) => expect.stringMatching(`^${mode}: ${figures}$`)));
    expect(events.filter(({ type }) => type === 'threat.detected')).toHaveLength(1);
    expect(events.map(({ attacking_ips }) => attacking_ips)).toEqual(events.map(() => []));
    expect(JSON.stringify(events)).toContain('qos_degradation');
  });

  test('Ctrl-C in the middle takes down namespaces and processes', async () => {
    const child = drill(temporary, 'port-scan');
    if (!child.stdout) throw new Error('the drill has no output');
    await once(child.stdout, 'data');
    const processes = childrenOf(child.pid);
    expect(namespacesOf(child.pid)).toHaveLength(2);
    expect(processes.length).toBeGreaterThan(4);
    const exit = once(child, 'exit');
    child.kill('SIGINT');
    expect((await exit)[0]).toBe(130);
    expect(namespacesOf(child.pid)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
    await expect.poll(() => processes.filter(runs), { timeout: 5000 }).toEqual([]);
  });

  test('without root it says that it needs root', () => {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
    const { status, stderr } = spawnSync('setpriv', [...nobody, process.execPath, VIGIA, 'drill', 'port-scan'], {
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/cannot be made: .*It needs root: sudo/s);
    expect(status).toBe(2);
  });
});

test('a drill that there is not is named as such', () => {
  const { status, stderr } = spawnSync(process.execPath, [VIGIA, 'drill', 'heist'], { encoding: 'utf8' });
  expect(stderr).toContain('there is no drill heist');
  expect(status).toBe(2);
});

/** A process that has ended and waits for its parent to notice no longer runs. */
function runs(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}
