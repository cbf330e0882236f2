/** What happens in a soak: attacks one after another, and ordinary traffic meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ThreatType } from '../../contract/threats.ts';
import { FAR_ADDRESS, type Link, NEAR_ADDRESS } from '../../test/ebpf-link.ts';
import type { ImpairedLink } from '../../test/impaired-link.ts';

/** The far end of the impaired link: its subnet's .2. */
export const IMPAIRED_SUBNET = '10.213.17';
const IMPAIRED_PORT = '5202';
const IMPAIRED_S = 6;
const GUESSES = 120;

export interface SoakStage {
  readonly link: Link;
  /** Ends in the same two places. */
  readonly impaired: ImpairedLink;
  /** A log of sshd. */
  readonly loginLog: string;
}

export interface SoakDrill {
  readonly name: string;
  /** What an incident must say of it. */
  readonly threat: ThreatType | null;
  /** Goes on by itself; it must not throw later. */
  readonly begin: (stage: SoakStage) => void;
}

const run = (program: string, ...args: string[]): ChildProcess => spawn(program, args, { stdio: 'ignore' });

const fromFar = (name: string, threat: ThreatType | null, ...command: string[]): SoakDrill => ({
  ...{ name, threat, begin: ({ link }) => run('ip', ...link.inside, ...command) },
});

function guess({ loginLog }: SoakStage): void {
  const line = (i: number): string =>
    `${new Date().toISOString()} soak sshd[${1000 + i}]: Failed password for root from ${FAR_ADDRESS} port ${20_000 + i} ssh2\n`;
  appendFileSync(loginLog, [...Array(GUESSES).keys()].map(line).join(''));
}

async function impair({ impaired }: SoakStage): Promise<void> {
  await impaired.impair({ delay_ms: 40, jitter_ms: 10, loss: 0.04, reorders: true });
  const traffic = ['-p', IMPAIRED_PORT, '-P', '8', '-b', '2M', '-l', '16K', '-t', String(IMPAIRED_S)];
  run('iperf3', '-c', `${IMPAIRED_SUBNET}.2`, ...traffic);
  await sleep(1000 * IMPAIRED_S);
  await impaired.impair({ delay_ms: 0, jitter_ms: 0, loss: 0, reorders: false });
}

export const SOAK_DRILLS: readonly SoakDrill[] = [
  fromFar('port scan', 'port_scan', 'nmap', '-sS', '-Pn', '-n', '-p1-1024', '--max-rate', '500', NEAR_ADDRESS),
  fromFar('SYN flood', 'syn_flood', 'hping3', '-q', '-S', '-p', '80', '-i', 'u400', '-c', '15000', NEAR_ADDRESS),
  fromFar(
    ...(['SYN flood of many', 'syn_flood', 'hping3', '-q', '-S', '-p', '443', '-i', 'u200', '-c', '40000'] as const),
    ...['--rand-source', NEAR_ADDRESS],
  ),
  {
    name: 'exfiltration',
    threat: 'data_exfiltration',
    begin: () => run('iperf3', '-c', FAR_ADDRESS, '-b', '200M', '-t', '5'),
  },
  fromFar(
    ...(['UDP scan', 'port_scan', 'nmap', '-sU', '-Pn', '-n', '-p1-200', '--max-rate', '100'] as const),
    ...['--max-retries', '0', NEAR_ADDRESS],
  ),
  fromFar('pings', null, 'ping', '-q', '-i', '0.002', '-c', '2000', NEAR_ADDRESS),
  { name: 'guessed passwords', threat: 'brute_force_attack', begin: guess },
  {
    name: 'bad path',
    threat: 'qos_degradation',
    begin: (stage) => void impair(stage).catch((error: unknown) => console.error(`bad path: ${String(error)}`)),
  },
];

/** Servers on both sides, and a client that asks for a page five times a second. */
export function ordinary({ link }: SoakStage, minutes: number): ChildProcess[] {
  const page = `require('node:http').createServer((q, s) => s.end('hello'.repeat(4000))).listen(80, '${NEAR_ADDRESS}')`;
  const visits = `for i in $(seq ${minutes * 300}); do curl -s -o /dev/null -m 1 http://${NEAR_ADDRESS}/; sleep 0.2; done`;
  return [
    run(process.execPath, '-e', page),
    run('ip', ...link.inside, 'iperf3', '-s'),
    run('ip', ...link.inside, 'iperf3', '-s', '-p', IMPAIRED_PORT),
    run('ip', ...link.inside, 'sh', '-c', visits),
  ];
}
