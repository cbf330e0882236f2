/** What a watcher costs those who are watched: throughput and packets a second through a veth pair, and processor time a packet, beside the peers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pcapFile } from '../../test/ebpf-frames.ts';
import { type Link, makeLink } from '../../test/ebpf-link.ts';
import { EdgeStandIn } from '../../test/edge-stand-in.ts';
import { mix } from './frames.ts';
import { isThere, TOOLS, type Tool, watching } from './tools.ts';
import { frameSized, iperf, RATE, replaying, topSpeed } from './traffic.ts';

const ROUNDS = 3;
const IPERF_S = 4;
const REPLAY_S = 5;
const TICK_MS = 10;

export interface Row {
  tool: Tool;
  /** Gbit/s with large packets as the kernel makes them, and with frames of 1,500 bytes. */
  large_Gbps: number;
  frames_Gbps: number;
  /** Of `none` in the same run, percent. */
  large_percent: number;
  frames_percent: number;
  /** Small packets that one process gets through, a second; its processor also does what the receiver and the watcher cost. */
  packets_per_second: number;
  packets_percent: number;
  /** Processor time beyond `none`, nanoseconds a packet at 100,000 packets/s. */
  cpu_ns_per_packet: number;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Each tool in turn, several rounds, so that what else the machine does meets all of them alike. */
export async function paths(): Promise<Row[]> {
  const tools = TOOLS.filter(isThere);
  const folder = mkdtempSync(join(tmpdir(), 'vigia-paths-'));
  const edge = await EdgeStandIn.start();
  const file = join(folder, 'mix.pcap');
  writeFileSync(file, pcapFile(mix()));
  try {
    const large = await eachTool(tools, edge.url, folder, (link) => iperf(link, IPERF_S));
    const frames = await eachTool(tools, edge.url, folder, (link) => iperf(link, IPERF_S), frameSized);
    const packets = await eachTool(tools, edge.url, folder, (link) => topSpeed(link, file, REPLAY_S));
    const cpu = await eachTool(tools, edge.url, folder, (link, pid) => replay(link, file, pid));
    return tools.map((tool) => ({
      tool,
      large_Gbps: round(large[tool], 2),
      frames_Gbps: round(frames[tool], 2),
      large_percent: round((100 * large[tool]) / large.none, 1),
      frames_percent: round((100 * frames[tool]) / frames.none, 1),
      packets_per_second: round(packets[tool], 0),
      packets_percent: round((100 * packets[tool]) / packets.none, 1),
      cpu_ns_per_packet: Math.round(cpu[tool] - cpu.none),
    }));
  } finally {
    await edge.stop();
    rmSync(folder, { recursive: true });
  }
}

async function eachTool(
  tools: readonly Tool[],
  edge: string,
  folder: string,
  measure: (link: Link, pid: number | null) => Promise<number>,
  prepare: (link: Link) => void = () => {},
): Promise<Record<Tool, number>> {
  const figures = new Map<Tool, number[]>(tools.map((tool) => [tool, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const tool of tools) {
      const link = makeLink('pt', true);
      try {
        prepare(link);
        const own = mkdtempSync(join(folder, 'tool-'));
        const figure = await watching(tool, { name: link.near, edge, folder: own }, (child) =>
          measure(link, child?.pid ?? null),
        );
        figures.get(tool)?.push(figure);
      } finally {
        link.remove();
      }
    }
  return Object.fromEntries([...figures].map(([tool, values]) => [tool, median(values)])) as Record<Tool, number>;
}

/** @returns nanoseconds of processor time a packet: of the sender, of the tool, and of the interrupts between them */
async function replay(link: Link, file: string, pid: number | null): Promise<number> {
  const before_ms = interrupts_ms() + (pid === null ? 0 : process_ms(pid));
  const script = `tcpreplay ${replaying(file, link.far, REPLAY_S).join(' ')}; cat /proc/$$/stat`;
  const child = spawn('ip', [...link.inside, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  const lines = text.trim().split('\n');
  const packets = Number(/Actual: (\d+) packets/.exec(text)?.[1]);
  // cutime and cstime of the shell: what tcpreplay took.
  const fields = (lines.at(-1) ?? '').replace(/^.*\) /, '').split(' ');
  const sender_ms = TICK_MS * (Number(fields[13]) + Number(fields[14]));
  const after_ms = interrupts_ms() + (pid === null ? 0 : process_ms(pid));
  return (1e6 * (sender_ms + after_ms - before_ms)) / packets;
}

/** Time of all processors in softirqs, where received packets are handled. */
function interrupts_ms(): number {
  return TICK_MS * Number(readFileSync('/proc/stat', 'utf8').split('\n')[0]?.trim().split(/\s+/)[7]);
}

function process_ms(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** Prints the table and returns it. */
export async function benchmark(): Promise<Row[]> {
  console.log(
    `veth pair, median of ${ROUNDS} rounds: iperf3 for ${IPERF_S} s; tcpreplay of a mix at top speed and at ${RATE.toLocaleString('en')} packets/s for ${REPLAY_S} s`,
  );
  const rows = await paths();
  console.table(rows);
  return rows;
}

if (import.meta.main) await benchmark();
