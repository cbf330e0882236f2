/** A veth pair whose far end lies in a network namespace of its own, and ways to observe the near end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import koffi from 'koffi';
import { interfaceIndex } from '../collector/kernel/interface.ts';
import { type EbpfSpec, ebpfSource } from '../collector/sources/ebpf.ts';
import type { WindowSource } from '../collector/sources/source.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import { sh } from './ebpf-machine.ts';

export const NEAR_ADDRESS = '10.213.7.1';
export const FAR_ADDRESS = '10.213.7.2';

export interface Link {
  readonly namespace: string;
  /** The end in this process's namespace. */
  readonly near: string;
  readonly far: string;
  /** Prefix of a command that runs in the far namespace. */
  readonly inside: string[];
  remove(): void;
}

/** MTU 65,535, no IPv6, so that nothing but the test speaks. */
export function makeLink(name: string, addresses = false): Link {
  const namespace = `vgk-${name}`;
  const [near, far] = [`vgk${name}0`, `vgk${name}1`];
  const inside = ['netns', 'exec', namespace];
  const remove = () => {
    for (const args of [
      ['link', 'del', near],
      ['netns', 'del', namespace],
    ]) {
      try {
        sh('ip', ...args);
      } catch (error) {
        if (!/Cannot find device|No such file/.test(String(error))) throw error;
      }
    }
  };
  remove();
  sh('ip', 'netns', 'add', namespace);
  sh(
    'ip',
    'link',
    'add',
    near,
    'mtu',
    '65535',
    'type',
    'veth',
    'peer',
    'name',
    far,
    'mtu',
    '65535',
    'netns',
    namespace,
  );
  sh('sysctl', '-qw', `net.ipv6.conf.${near}.disable_ipv6=1`);
  sh('ip', ...inside, 'sysctl', '-qw', `net.ipv6.conf.${far}.disable_ipv6=1`);
  if (addresses) {
    // Answers to forged sources would go out by the machine's default route, to whoever has those addresses.
    sh('sysctl', '-qw', `net.ipv4.conf.${near}.rp_filter=1`);
    sh('ip', 'address', 'add', `${NEAR_ADDRESS}/24`, 'dev', near);
    sh('ip', '-n', namespace, 'address', 'add', `${FAR_ADDRESS}/24`, 'dev', far);
  }
  sh('ip', 'link', 'set', near, 'up');
  sh('ip', '-n', namespace, 'link', 'set', far, 'up');
  sh('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
  return { namespace, near, far, inside, remove };
}

export interface Observation {
  source: WindowSource;
  windows: NetworkWindow[];
}

export const observed = (spec: Partial<EbpfSpec> & { interface: string }): WindowSource =>
  ebpfSource({ period_ms: 3_600_000, host: 'test', group: 'default', ...spec });

/** Observes an interface while `during` runs, and a little longer. */
export async function observe(
  spec: Partial<EbpfSpec> & { interface: string },
  during: () => Promise<void>,
): Promise<Observation> {
  const stop = new AbortController();
  const source = observed(spec);
  const windows: NetworkWindow[] = [];
  const before = programs(spec.interface);
  const collecting = (async () => {
    for await (const window of source.windows(stop.signal)) windows.push(window);
  })();
  try {
    await Promise.race([untilMorePrograms(spec.interface, before), collecting]);
    await during();
    await delay(100);
  } finally {
    stop.abort();
    await collecting;
  }
  return { source, windows };
}

const queryPrograms = koffi.load('libbpf.so.1').func('int bpf_prog_query(int, int, uint32_t, void *, void *, void *)');

/** Ids of the programs that hang on a tcx hook of an interface, whoever owns them; hook 46 is ingress, 47 egress. */
export function tcxPrograms(name: string, hook: 46 | 47): number[] {
  const index = interfaceIndex(name);
  if (index === 0) return [];
  const ids = new Uint32Array(16);
  const count = new Uint32Array([ids.length]);
  const result: number = queryPrograms(index, hook, 0, new Uint32Array(1), ids, count);
  if (result < 0) throw new Error(`bpf_prog_query: ${result}`);
  return [...ids.subarray(0, count[0])];
}

/** How many programs hang on an interface: tcx links and clsact filters. */
export function programs(name: string): number {
  if (interfaceIndex(name) === 0) return 0;
  const filters = ['ingress', 'egress'].map((hook) => sh('tc', 'filter', 'show', 'dev', name, hook));
  const ours = filters.join('').match(/handle \S+ vigia_/g) ?? [];
  return tcxPrograms(name, 46).length + tcxPrograms(name, 47).length + ours.length;
}

async function untilMorePrograms(name: string, before: number): Promise<void> {
  for (let tries = 0; programs(name) < before + 2; tries++) {
    if (tries === 100) throw new Error(`nothing was attached to ${name}`);
    await delay(20);
  }
}

export type Countable = 'packets' | 'bytes' | 'syn_packets' | 'tcp_packets' | 'udp_packets' | 'icmp_packets';

export const total = (windows: NetworkWindow[], field: Countable): number =>
  windows.reduce((sum, window) => sum + (window[field] ?? 0), 0);

/** Starts a command and waits until it has printed `ready`. */
export async function start(ready: RegExp, command: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      text += chunk;
      if (ready.test(text)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${command} ${args.join(' ')}: ${text}`)));
  });
  return child;
}

export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Runs a command to its end beside this process. */
export async function finish(command: string, ...args: string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stderr.on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code}: ${text}`);
  return text;
}
