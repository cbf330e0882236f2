/** What the kernel side costs: nanoseconds a packet beside an empty program, and the collector's memory and CPU at 100,000 packets/s. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { interfaceIndex } from '../collector/kernel/interface.ts';
import { kernel } from '../collector/kernel/libbpf.ts';
import { ACK, Bench, ethernet, ipv4, ipv6, PSH, pcapFile, run, SYN, TCP, tcp, UDP, udp } from '../test/ebpf-frames.ts';
import { finish, type Link, makeLink, start, tcxPrograms } from '../test/ebpf-link.ts';
import { missing, sh } from '../test/ebpf-machine.ts';
import { flood, mix } from './collector/frames.ts';
import { machine } from './machine.ts';

const REPEAT = 500_000;
const ROUNDS = 7;
const RATE = 100_000;
const SECONDS = 8;
const SOURCE = fileURLToPath(new URL('../collector/sources/ebpf.ts', import.meta.url));

const FRAMES: Record<string, Uint8Array> = {
  'TCP SYN': ethernet(0x0800, ipv4({ from: '192.0.2.1', to: '198.51.100.2', protocol: TCP }, tcp(40_000, 80, SYN))),
  'TCP acknowledgement': ethernet(
    0x0800,
    ipv4({ from: '192.0.2.1', to: '198.51.100.2', protocol: TCP }, tcp(40_000, 80, ACK)),
  ),
  // One segment again and again: going out, that is the path of a segment that is sent again.
  'TCP data': ethernet(
    0x0800,
    ipv4({ from: '192.0.2.1', to: '198.51.100.2', protocol: TCP }, tcp(40_000, 80, ACK | PSH, 1000)),
  ),
  UDP: ethernet(0x0800, ipv4({ from: '192.0.2.1', to: '198.51.100.2', protocol: UDP }, udp(40_000, 53, 60))),
  'IPv6 TCP data': ethernet(0x86dd, ipv6('2001:db8::1', '2001:db8::2', TCP, tcp(40_000, 80, ACK | PSH, 1000))),
};

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Loads the program that does nothing. */
function loadEmpty(): { fd: number; close: () => void } {
  const log = new Uint8Array(4096);
  const file = readFileSync(new URL('empty.bpf.o', import.meta.url));
  const object = kernel().openObject(file, 'empty', log);
  kernel().loadObject(object);
  return { fd: kernel().programFd(object, 'empty'), close: () => kernel().closeObject(object) };
}

export interface TestRun {
  frame: string;
  empty_ns: number;
  ingress_ns: number;
  egress_ns: number;
}

/** Median of seven times 500,000 runs on one frame, without an interface (BPF_PROG_TEST_RUN). */
export function testRuns(): TestRun[] {
  const vigia = new Bench();
  const empty = loadEmpty();
  try {
    return Object.entries(FRAMES).map(([frame, bytes]) => {
      const time = (fd: number) => median(Array.from({ length: ROUNDS }, () => run(fd, bytes, { repeat: REPEAT })));
      return {
        frame,
        empty_ns: time(empty.fd),
        ingress_ns: time(vigia.program.ingress),
        egress_ns: time(vigia.program.egress),
      };
    });
  } finally {
    vigia.close();
    empty.close();
  }
}

interface ProgramStatistics {
  id: number;
  name: string;
  run_time_ns?: number;
  run_cnt?: number;
}

export interface Live {
  packets_per_second: number;
  empty_ns: { ingress: number; egress: number };
  vigia_ns: { ingress: number; egress: number; syn_flood_ingress: number };
  node_rss_MiB: number;
  node_cpu_percent: number;
  windows: number;
}

/** A collector of its own that prints its last line as JSON when its input ends. */
const COLLECTOR = (name: string) => `
  import { ebpfSource } from ${JSON.stringify(SOURCE)};
  const stop = new AbortController();
  process.stdin.on('end', () => stop.abort()).resume();
  const started = performance.now();
  const sums = { windows: 0, packets: 0, bytes_out: 0 };
  const source = ebpfSource({ interface: '${name}', period_ms: 1000, host: 'bench', group: 'default' });
  for await (const window of source.windows(stop.signal)) {
    if (sums.windows++ === 0) console.log('ready');
    sums.packets += window.packets;
    sums.bytes_out += JSON.stringify(window).length;
  }
  const cpu = process.cpuUsage();
  console.log(JSON.stringify({ ...sums, rss: process.memoryUsage.rss(), cpu_ms: (cpu.user + cpu.system) / 1000, elapsed_ms: performance.now() - started }));
`;

/** Traffic both ways over a veth pair, with the collector and an empty program side by side on one end. */
export async function live(): Promise<Live> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-bench-'));
  const link = makeLink('b');
  const empty = loadEmpty();
  const before = sh('sysctl', '-n', 'kernel.bpf_stats_enabled').trim();
  const links: number[] = [];
  try {
    const [mixed, flooding] = [join(folder, 'mix.pcap'), join(folder, 'flood.pcap')];
    writeFileSync(mixed, pcapFile(mix()));
    writeFileSync(flooding, pcapFile(flood()));
    for (const hook of [46, 47]) links.push(kernel().createLink(empty.fd, interfaceIndex(link.near), hook));
    sh('sysctl', '-qw', 'kernel.bpf_stats_enabled=1');
    const collector = await start(/ready/, process.execPath, '--input-type=module', '-e', COLLECTOR(link.near));
    // Which direction the empty program ran in is told apart by sending one way after the other.
    const incoming = await send(link, mixed, 'in');
    const outgoing = await send(link, mixed, 'out');
    const report = await stopped(collector);
    const second = await start(/ready/, process.execPath, '--input-type=module', '-e', COLLECTOR(link.near));
    const flooded = await send(link, flooding, 'in', SECONDS / 2);
    await stopped(second);
    return {
      packets_per_second: Math.round(incoming.packets_per_second),
      empty_ns: { ingress: incoming.empty, egress: outgoing.empty },
      vigia_ns: { ingress: incoming.vigia, egress: outgoing.vigia, syn_flood_ingress: flooded.vigia },
      node_rss_MiB: Math.round(report.rss / 2 ** 20),
      node_cpu_percent: Math.round((1000 * report.cpu_ms) / report.elapsed_ms) / 10,
      windows: report.windows,
    };
  } finally {
    sh('sysctl', '-qw', `kernel.bpf_stats_enabled=${before}`);
    for (const fd of links) kernel().closeFd(fd);
    empty.close();
    link.remove();
    rmSync(folder, { recursive: true });
  }
}

/** Replays a capture one way and returns nanoseconds a run of both programs there. */
async function send(link: Link, file: string, way: 'in' | 'out', seconds = SECONDS) {
  const hook = way === 'in' ? 46 : 47;
  const statistics = () => {
    const all: ProgramStatistics[] = JSON.parse(sh('bpftool', '-j', 'prog', 'show'));
    return tcxPrograms(link.near, hook).map((id) => all.find((program) => program.id === id));
  };
  const before = statistics();
  const options = ['-q', '-K', `--pps=${RATE}`, `--duration=${seconds}`, '--loop=0', '-i'];
  const text =
    way === 'in'
      ? await finish('ip', ...link.inside, 'tcpreplay', ...options, link.far, file)
      : await finish('tcpreplay', ...options, link.near, file);
  const after = statistics();
  const cost = (named: string) => {
    const index = after.findIndex((program) => program?.name.startsWith(named));
    const runs = (after[index]?.run_cnt ?? 0) - (before[index]?.run_cnt ?? 0);
    return Math.round(((after[index]?.run_time_ns ?? 0) - (before[index]?.run_time_ns ?? 0)) / runs);
  };
  return { packets_per_second: Number(/([\d.]+) pps/.exec(text)?.[1]), empty: cost('empty'), vigia: cost('vigia') };
}

async function stopped(collector: Awaited<ReturnType<typeof start>>) {
  let text = '';
  collector.stdout?.on('data', (chunk) => (text += chunk));
  collector.stdin?.end();
  await once(collector, 'close');
  const report: { rss: number; cpu_ms: number; elapsed_ms: number; windows: number } = JSON.parse(text.trim());
  return report;
}

/** Prints the figures and returns them. */
export async function benchmark(): Promise<{ testRuns: TestRun[]; live: Live } | { skipped: string }> {
  const reason = missing('ip', 'tc', 'sysctl', 'tcpreplay', 'bpftool');
  if (reason) {
    console.log(`left out: ${reason}`);
    return { skipped: reason };
  }
  const runs = testRuns();
  console.log(
    `ns a packet, median of ${ROUNDS} x ${REPEAT.toLocaleString('en')} runs of one frame (BPF_PROG_TEST_RUN):`,
  );
  console.table(Object.fromEntries(runs.map(({ frame, ...figures }) => [frame, figures])));
  await delay(100);
  const figures = await live();
  console.log(
    `live, ${figures.packets_per_second.toLocaleString('en')} packets/s for ${SECONDS} s each way over veth (TCP 60 %, SYN 10 %, UDP 20 %, IPv6 10 %; bpf_stats_enabled, whose own cost is in both):`,
  );
  console.table({ empty: figures.empty_ns, vigia: figures.vigia_ns });
  console.log(
    `collector meanwhile: ${figures.node_rss_MiB} MiB resident, ${figures.node_cpu_percent} % of one CPU, ${figures.windows} windows of 1 s`,
  );
  return { testRuns: runs, live: figures };
}

if (import.meta.main) {
  console.log(machine());
  console.log(JSON.stringify(await benchmark()));
}
