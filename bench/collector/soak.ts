/** A soak: mixed attacks and ordinary traffic for an hour, at the end of which nothing is lost, leaked or stuck: kernel = windows = stored. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { storedWindows } from '../../cli/edge/stored-windows.ts';
import { type Edge, startEdge } from '../../cli/edge.ts';
import { FAR_ADDRESS, type Link, makeLink, NEAR_ADDRESS } from '../../test/ebpf-link.ts';
import { sh } from '../../test/ebpf-machine.ts';
import { unitEnvironment } from './unit-environment.ts';

const VIGIA = fileURLToPath(new URL('../../cli/vigia.ts', import.meta.url));
const LOOK_EVERY_MS = 10_000;
const WARM_AFTER_MS = 5 * 60_000;
/** Until the last window is posted. */
const SETTLES_MS = 6000;

export interface Ledger {
  minutes: number;
  /** Frames that crossed the interface while the collector watched it, by the interface's own counters. */
  packets: { interface: number; windows: number };
  windows: { made: number; posted: number; stored: number; stored_twice: number };
  /** What was lost, by reason; a flood of random sources has more addresses than are told apart. */
  losses: Record<string, number>;
  incidents: number;
  rss_MiB: { warm: number; end: number; highest: number };
  open_files: { warm: number; end: number };
  cpu_percent: number;
  exit_code: number | null;
}

interface Line {
  event: string;
  counters?: { windows: number; posted_windows: number };
  lost_windows?: Record<string, number>;
  sources?: Record<string, Record<string, number>>;
}

type Drill = readonly [side: 'near' | 'far', command: string, ...args: string[]];

/** One a minute, in turn; ordinary traffic goes on meanwhile. */
const DRILLS: readonly Drill[] = [
  ['far', 'nmap', '-sS', '-Pn', '-n', '-p1-1024', '--max-rate', '500', NEAR_ADDRESS],
  ['far', 'hping3', '-q', '-S', '-p', '80', '-i', 'u400', '-c', '15000', NEAR_ADDRESS],
  ['far', 'hping3', '-q', '-S', '-p', '443', '-i', 'u200', '-c', '40000', '--rand-source', NEAR_ADDRESS],
  ['near', 'iperf3', '-c', FAR_ADDRESS, '-b', '200M', '-t', '5'],
  ['far', 'nmap', '-sU', '-Pn', '-n', '-p1-200', '--max-rate', '100', '--max-retries', '0', NEAR_ADDRESS],
  ['far', 'ping', '-q', '-i', '0.002', '-c', '2000', NEAR_ADDRESS],
];

/** @param minutes how long */
export async function soak(minutes: number): Promise<Ledger> {
  const link = makeLink('soak', true);
  const folder = mkdtempSync(join(tmpdir(), 'vigia-soak-'));
  const children: ChildProcess[] = [];
  const over = new AbortController();
  let edge: Edge | null = null;
  try {
    // Large packets stand for many: without them the interface counts what a wire would carry.
    sh('ip', 'link', 'set', link.near, 'gso_max_segs', '1');
    sh('ip', '-n', link.namespace, 'link', 'set', link.far, 'gso_max_segs', '1');
    edge = await startEdge({ port: 0, stateDir: folder, vars: {} });
    const before = crossed(link);
    const lines: Line[] = [];
    const collector = spawn(
      process.execPath,
      [VIGIA, 'collect', '--to', edge.url, '--source', `ebpf:${link.near}`, '--spool', join(folder, 'spool')],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...unitEnvironment(folder) } },
    );
    children.push(collector);
    createInterface({ input: collector.stderr }).on('line', (line) => lines.push(JSON.parse(line)));
    await sleep(3000);
    const started_ms = performance.now();
    const watched = watch(collector.pid ?? 0, over.signal);
    children.push(...ordinary(link, minutes));
    for (let minute = 0; minute < minutes; minute++) {
      run(link, DRILLS[minute % DRILLS.length] as Drill);
      await sleep(Math.max(started_ms + (minute + 1) * 60_000 - performance.now(), 0));
    }
    for (const child of children.slice(1)) child.kill('SIGKILL');
    await sleep(SETTLES_MS);
    const resources = watched();
    const cpu_percent = Math.round((1000 * cpu_ms(collector.pid ?? 0)) / (performance.now() - started_ms)) / 10;
    const crossing = crossed(link) - before;
    const exited = once(collector, 'exit');
    collector.kill('SIGTERM');
    const [exit_code] = await exited;
    const stored = await storedWindows(edge.runtime);
    const { incidents } = (await (await fetch(`${edge.url}/incidents?limit=100`)).json()) as { incidents: unknown[] };
    const stopped = lines.findLast(({ event }) => event === 'stopped');
    const packets = stored.reduce((sum, window) => sum + ('packets' in window ? (window.packets ?? 0) : 0), 0);
    return {
      minutes,
      packets: { interface: crossing, windows: packets },
      windows: {
        made: stopped?.counters?.windows ?? 0,
        posted: stopped?.counters?.posted_windows ?? 0,
        stored: stored.length,
        stored_twice: stored.length - new Set(stored.map(({ id }) => id)).size,
      },
      losses: { ...stopped?.lost_windows, ...Object.values(stopped?.sources ?? {})[0] },
      incidents: incidents.length,
      ...resources,
      cpu_percent,
      exit_code,
    };
  } finally {
    over.abort();
    for (const child of children) child.kill('SIGKILL');
    await edge?.stop();
    link.remove();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const crossed = ({ near }: Link): number => {
  const [{ stats64 }] = JSON.parse(sh('ip', '-s', '-j', 'link', 'show', near)) as [
    { stats64: { rx: { packets: number }; tx: { packets: number } } },
  ];
  return stats64.rx.packets + stats64.tx.packets;
};

function run(link: Link, [side, command, ...args]: Drill): void {
  const [program, ...all] = side === 'far' ? ['ip', ...link.inside, command, ...args] : [command, ...args];
  spawn(program as string, all, { stdio: 'ignore' });
}

/** Servers on both sides, and a client that asks for a page five times a second. */
function ordinary(link: Link, minutes: number): ChildProcess[] {
  const page = `require('node:http').createServer((q, s) => s.end('hello'.repeat(4000))).listen(80, '${NEAR_ADDRESS}')`;
  const visits = `for i in $(seq ${minutes * 300}); do curl -s -o /dev/null -m 1 http://${NEAR_ADDRESS}/; sleep 0.2; done`;
  return [
    spawn(process.execPath, ['-e', page], { stdio: 'ignore' }),
    spawn('ip', [...link.inside, 'iperf3', '-s'], { stdio: 'ignore' }),
    spawn('ip', [...link.inside, 'sh', '-c', visits], { stdio: 'ignore' }),
  ];
}

/** Looks at memory and open files every ten seconds. */
function watch(pid: number, over: AbortSignal): () => Pick<Ledger, 'rss_MiB' | 'open_files'> {
  const samples: { at_ms: number; rss: number; files: number }[] = [];
  const look = (): void => {
    const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
    samples.push({ at_ms: performance.now(), rss: Math.round(rss), files: readdirSync(`/proc/${pid}/fd`).length });
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  over.addEventListener('abort', () => clearInterval(timer));
  return () => {
    clearInterval(timer);
    look();
    const [first] = samples;
    const warm = samples.find(({ at_ms }) => at_ms - (first?.at_ms ?? 0) >= WARM_AFTER_MS) ?? samples.at(-1);
    const end = samples.at(-1);
    return {
      rss_MiB: { warm: warm?.rss ?? 0, end: end?.rss ?? 0, highest: Math.max(...samples.map(({ rss }) => rss)) },
      open_files: { warm: warm?.files ?? 0, end: end?.files ?? 0 },
    };
  };
}

/** User and system time of a process so far; the kernel counts in hundredths of a second. */
function cpu_ms(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Prints the ledger and returns it. */
export async function benchmark(minutes = 60): Promise<Ledger> {
  console.log(
    `${minutes} minutes: a page five times a second, and each minute one of ${DRILLS.map(([, ...words]) => words.slice(0, 2).join(' ')).join(', ')}`,
  );
  const ledger = await soak(minutes);
  console.log(JSON.stringify(ledger, null, 2));
  const { packets, windows } = ledger;
  const addsUp = packets.interface === packets.windows && windows.made === windows.stored && windows.stored_twice === 0;
  if (!addsUp) process.exitCode = 1;
  console.log(addsUp ? 'the counts add up: interface = windows = stored' : 'THE COUNTS DO NOT ADD UP');
  return ledger;
}

if (import.meta.main) await benchmark(Number(process.argv[2] ?? 60));
