/** A soak: mixed attacks and ordinary traffic for an hour, at the end of which nothing is lost, leaked, stuck or missed: kernel = windows = stored. A minute by hand: `npm run bench:collector soak 1`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writtenWindows } from '../../cli/edge/stored-windows.ts';
import { type Edge, startEdge } from '../../cli/edge.ts';
import { makeLink } from '../../test/ebpf-link.ts';
import { sh } from '../../test/ebpf-machine.ts';
import { makeImpairedLink } from '../../test/impaired-link.ts';
import { IMPAIRED_SUBNET, ordinary, SOAK_DRILLS, type SoakStage } from './soak-drills.ts';
import { unitEnvironment } from './unit-environment.ts';

const VIGIA = fileURLToPath(new URL('../../cli/vigia.ts', import.meta.url));
const LOOK_EVERY_MS = 10_000;
/** Half of a soak that is shorter than twice that. */
const WARM_AFTER_MS = 5 * 60_000;
/** A drill begins so often at most; in a short soak more often, so that all are held. */
const DRILL_EVERY_MS = 60_000;
/** What the collector may grow by once it is warm. */
const MOST_GROWTH = { rss_MiB: 16, open_files: 2 } as const;
/** What the drills cost: a flood has more addresses and conversations than are told apart, scans more ports than are remembered of an address. */
const EXPECTED_LOSSES: ReadonlySet<string> = new Set([
  'source_not_tracked',
  'source_not_remembered',
  'conversation_evicted',
  'port_not_remembered',
]);
/** Until the last window is posted. */
const SETTLES_MS = 6000;
/** The buffer writes what it holds every 15 seconds. */
const LONGEST_BUFFERED_MS = 60_000;

export interface Ledger {
  minutes: number;
  /** Frames that crossed the interface while the collector watched it, by the interface's own counters. */
  packets: { interface: number; windows: number };
  windows: { made: number; posted: number; stored: number; stored_twice: number };
  /** What was lost, by reason. */
  losses: Record<string, number>;
  incidents: number;
  /** By an incident each. */
  threats: string[];
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

/** @param minutes how long */
export async function soak(minutes: number): Promise<Ledger> {
  const link = makeLink('soak', true);
  const folder = mkdtempSync(join(tmpdir(), 'vigia-soak-'));
  const impaired = await makeImpairedLink('vgksoakq', IMPAIRED_SUBNET, link.namespace);
  const stage: SoakStage = { link, impaired, loginLog: join(folder, 'auth.log') };
  const watched = [link.near, impaired.near];
  const children: ChildProcess[] = [];
  const over = new AbortController();
  let edge: Edge | null = null;
  try {
    // Large packets stand for many: without them the interface counts what a wire would carry.
    sh('ip', 'link', 'set', link.near, 'gso_max_segs', '1');
    sh('ip', '-n', link.namespace, 'link', 'set', link.far, 'gso_max_segs', '1');
    writeFileSync(stage.loginLog, '');
    edge = await startEdge({ port: 0, stateDir: folder, vars: {} });
    const before = crossed(watched);
    const lines: Line[] = [];
    const collector = spawn(
      process.execPath,
      [
        ...[VIGIA, 'collect', '--to', edge.url, '--spool', join(folder, 'spool')],
        ...[...watched.map((name) => `ebpf:${name}`), `auth:${stage.loginLog}`].flatMap((source) => [
          '--source',
          source,
        ]),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...unitEnvironment(folder) } },
    );
    children.push(collector);
    createInterface({ input: collector.stderr }).on('line', (line) => lines.push(JSON.parse(line)));
    await sleep(3000);
    const started_ms = performance.now();
    const looked = watch(collector.pid ?? 0, Math.min(WARM_AFTER_MS, 30_000 * minutes), over.signal);
    children.push(...ordinary(stage, minutes));
    const every_ms = Math.min(DRILL_EVERY_MS, (60_000 * minutes) / SOAK_DRILLS.length);
    for (let held = 0; held * every_ms < 60_000 * minutes; held++) {
      SOAK_DRILLS[held % SOAK_DRILLS.length]?.begin(stage);
      await sleep(Math.max(started_ms + (held + 1) * every_ms - performance.now(), 0));
    }
    for (const child of children.slice(1)) child.kill('SIGKILL');
    await sleep(SETTLES_MS);
    const resources = looked();
    const cpu_percent = Math.round((1000 * cpu_ms(collector.pid ?? 0)) / (performance.now() - started_ms)) / 10;
    const crossing = crossed(watched) - before;
    const exited = once(collector, 'exit');
    collector.kill('SIGTERM');
    const [exit_code] = await exited;
    await bufferWritten(edge.url);
    const stored = await writtenWindows(edge.runtime);
    const { incidents } = (await (await fetch(`${edge.url}/incidents?limit=100`)).json()) as {
      incidents: { threat_types: string[] }[];
    };
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
      losses: sumOf([stopped?.lost_windows ?? {}, ...Object.values(stopped?.sources ?? {})]),
      incidents: incidents.length,
      threats: [...new Set(incidents.flatMap(({ threat_types }) => threat_types))].sort(),
      ...resources,
      cpu_percent,
      exit_code,
    };
  } finally {
    over.abort();
    for (const child of children) child.kill('SIGKILL');
    await edge?.stop();
    await impaired.remove();
    link.remove();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Until the edge has written every window to storage by itself; where it does not, the ledger shows what is missing. */
async function bufferWritten(url: string): Promise<void> {
  const given_up_ms = performance.now() + LONGEST_BUFFERED_MS;
  while (performance.now() < given_up_ms) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (/^ml_detector_window_buffer_pending_characters\S* 0$/m.test(metrics)) return;
    await sleep(1000);
  }
}

const sumOf = (parts: readonly Record<string, number>[]): Record<string, number> => {
  const sum: Record<string, number> = {};
  for (const [name, count] of parts.flatMap((part) => Object.entries(part))) sum[name] = (sum[name] ?? 0) + count;
  return sum;
};

const crossed = (names: readonly string[]): number =>
  names.reduce((sum, name) => {
    const [{ stats64 }] = JSON.parse(sh('ip', '-s', '-j', 'link', 'show', name)) as [
      { stats64: { rx: { packets: number }; tx: { packets: number } } },
    ];
    return sum + stats64.rx.packets + stats64.tx.packets;
  }, 0);

/** What must not be; empty where all is well. */
export function faultsOf(ledger: Ledger): string[] {
  const { packets, windows, losses, threats, rss_MiB, open_files, exit_code } = ledger;
  const expected = new Set(SOAK_DRILLS.flatMap(({ threat }) => threat ?? []));
  const missed = [...expected].filter((threat) => !threats.includes(threat));
  const lost = Object.entries(losses).filter(([reason, count]) => count > 0 && !EXPECTED_LOSSES.has(reason));
  const faults: [boolean, string][] = [
    [packets.interface !== packets.windows, 'packets of the interfaces and of the windows differ'],
    [windows.made !== windows.stored, 'windows that were made and stored differ'],
    [windows.stored_twice > 0, 'windows are stored twice'],
    [lost.length > 0, `lost: ${lost.map(([reason, count]) => `${count} ${reason}`).join(', ')}`],
    [missed.length > 0, `no incident tells of ${missed.join(', ')}`],
    [rss_MiB.end - rss_MiB.warm > MOST_GROWTH.rss_MiB, `memory grew by ${rss_MiB.end - rss_MiB.warm} MiB`],
    [
      open_files.end - open_files.warm > MOST_GROWTH.open_files,
      `${open_files.end - open_files.warm} files more are open`,
    ],
    [exit_code !== 0, `the collector ended with ${exit_code}`],
  ];
  return faults.flatMap(([isSo, text]) => (isSo ? text : []));
}

/** Looks at memory and open files every ten seconds. */
function watch(pid: number, warmAfter_ms: number, over: AbortSignal): () => Pick<Ledger, 'rss_MiB' | 'open_files'> {
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
    const warm = samples.find(({ at_ms }) => at_ms - (first?.at_ms ?? 0) >= warmAfter_ms) ?? samples.at(-1);
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
    `${minutes} minutes: a page five times a second, and in turn ${SOAK_DRILLS.map(({ name }) => name).join(', ')}`,
  );
  const ledger = await soak(minutes);
  console.log(JSON.stringify(ledger, null, 2));
  const faults = faultsOf(ledger);
  if (faults.length > 0) process.exitCode = 1;
  for (const fault of faults) console.log(`FAULT: ${fault}`);
  if (faults.length === 0) console.log('interface = windows = stored; nothing lost, grown or missed');
  return ledger;
}

if (import.meta.main) await benchmark(Number(process.argv[2] ?? 60));
