/** What the eBPF programs cost a packet, beside one that does nothing: alone (BPF_PROG_TEST_RUN) and under traffic (bpf_stats_enabled). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { interfaceIndex } from '../../collector/kernel/interface.ts';
import { kernel } from '../../collector/kernel/libbpf.ts';
import {
  ACK,
  Bench,
  ethernet,
  ipv4,
  ipv6,
  PSH,
  pcapFile,
  run,
  SYN,
  TCP,
  tcp,
  UDP,
  udp,
} from '../../test/ebpf-frames.ts';
import { type Link, makeLink, tcxPrograms } from '../../test/ebpf-link.ts';
import { missing, sh } from '../../test/ebpf-machine.ts';
import { EdgeStandIn } from '../../test/edge-stand-in.ts';
import { mix } from './frames.ts';
import { watching } from './tools.ts';
import { flood, iperf, replay } from './traffic.ts';

const REPEAT = 500_000;
const ROUNDS = 7;
const SECONDS = 6;

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

/** A program that does nothing; each call loads another one. */
function loadEmpty(): { fd: number; close: () => void } {
  const log = new Uint8Array(4096);
  const file = readFileSync(new URL('../empty.bpf.o', import.meta.url));
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

/** Median of seven times 500,000 runs on one frame, without an interface. */
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

const HOOKS = { ingress: 46, egress: 47 } as const;
type Way = keyof typeof HOOKS;

export interface Live {
  traffic: string;
  way: Way;
  packets_per_second: number;
  empty_ns: number;
  vigia_ns: number;
}

/** A collector and the empty programs side by side on one end of a veth pair. */
export async function live(): Promise<Live[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-programs-'));
  const link = makeLink('b', true);
  const edge = await EdgeStandIn.start();
  const empties = [loadEmpty(), loadEmpty()];
  const links: number[] = [];
  const before = sh('sysctl', '-n', 'kernel.bpf_stats_enabled').trim();
  try {
    const mixed = join(folder, 'mix.pcap');
    writeFileSync(mixed, pcapFile(mix()));
    for (const [i, hook] of Object.values(HOOKS).entries())
      links.push(kernel().createLink(empties[i]?.fd ?? -1, interfaceIndex(link.near), hook));
    sh('sysctl', '-qw', 'kernel.bpf_stats_enabled=1');
    return await watching('vigia', { name: link.near, edge: edge.url, folder }, async () => [
      ...(await observed(link, 'iperf3, large packets', ['ingress', 'egress'], () => iperf(link, SECONDS))),
      ...(await observed(link, 'mix of small packets', ['ingress'], () => replay(link, mixed, 'in', SECONDS))),
      ...(await observed(link, 'mix of small packets', ['egress'], () => replay(link, mixed, 'out', SECONDS))),
      ...(await observed(link, 'SYN flood, random sources', ['ingress'], () => flood(link, SECONDS))),
    ]);
  } finally {
    sh('sysctl', '-qw', `kernel.bpf_stats_enabled=${before}`);
    for (const fd of links) kernel().closeFd(fd);
    for (const empty of empties) empty.close();
    link.remove();
    await edge.stop();
    rmSync(folder, { recursive: true });
  }
}

interface ProgramStatistics {
  id: number;
  name: string;
  run_time_ns?: number;
  run_cnt?: number;
}

function statistics(link: Link, way: Way): ProgramStatistics[] {
  const all: ProgramStatistics[] = JSON.parse(sh('bpftool', '-j', 'prog', 'show'));
  return tcxPrograms(link.near, HOOKS[way]).flatMap((id) => all.filter((program) => program.id === id));
}

async function observed(link: Link, traffic: string, ways: Way[], send: () => Promise<unknown>): Promise<Live[]> {
  const before = ways.map((way) => statistics(link, way));
  const began_ms = performance.now();
  await send();
  const elapsed_s = (performance.now() - began_ms) / 1000;
  return ways.map((way, i) => {
    const after = statistics(link, way);
    const of = (named: string) => {
      const [last, first] = [after, before[i]].map((all) => all?.find(({ name }) => name.startsWith(named)));
      const runs = (last?.run_cnt ?? 0) - (first?.run_cnt ?? 0);
      return { runs, ns: Math.round(((last?.run_time_ns ?? 0) - (first?.run_time_ns ?? 0)) / runs) };
    };
    const { runs, ns } = of('vigia');
    return { traffic, way, packets_per_second: Math.round(runs / elapsed_s), empty_ns: of('empty').ns, vigia_ns: ns };
  });
}

/** Prints the figures and returns them. */
export async function benchmark(): Promise<{ testRuns: TestRun[]; live: Live[] } | { skipped: string }> {
  const reason = missing('ip', 'tc', 'sysctl', 'tcpreplay', 'bpftool', 'hping3', 'iperf3');
  if (reason) {
    console.log(`left out: ${reason}`);
    return { skipped: reason };
  }
  const runs = testRuns();
  console.log(
    `ns a packet, median of ${ROUNDS} x ${REPEAT.toLocaleString('en')} runs of one frame (BPF_PROG_TEST_RUN):`,
  );
  console.table(Object.fromEntries(runs.map(({ frame, ...figures }) => [frame, figures])));
  await sleep(100);
  const rows = await live();
  console.log(
    `live over a veth pair, ${SECONDS} s each (mix: TCP 60 %, SYN 10 %, UDP 20 %, IPv6 10 %; what bpf_stats_enabled itself costs is in both):`,
  );
  console.table(rows);
  return { testRuns: runs, live: rows };
}

if (import.meta.main) await benchmark();
