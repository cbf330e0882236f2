/** What a collector takes as its unit runs it: memory and processor time when idle, at 100,000 packets/s, and in a flood of 100,000 sources. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildExecutable } from '../../packaging/executable.ts';
import { pcapFile } from '../../test/ebpf-frames.ts';
import { makeLink } from '../../test/ebpf-link.ts';
import { missing, sh } from '../../test/ebpf-machine.ts';
import { EdgeStandIn } from '../../test/edge-stand-in.ts';
import { flood, mix } from './frames.ts';
import { CLONE, watching } from './tools.ts';
import { RATE, replay } from './traffic.ts';

const SECONDS = 20;
const TICK_MS = 10;

export interface Footprint {
  /** What runs: from a clone, or of the Debian package. */
  collector: string;
  traffic: string;
  resident_MiB: number;
  /** Without the pages of files, which processes of one program share. */
  anonymous_MiB: number;
  /** Of one core. */
  cpu_percent: number;
}

export async function footprints(): Promise<Footprint[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-footprint-'));
  const link = makeLink('fp', true);
  const edge = await EdgeStandIn.start();
  try {
    const [mixed, flooding] = [join(folder, 'mix.pcap'), join(folder, 'flood.pcap')];
    writeFileSync(mixed, pcapFile(mix()));
    writeFileSync(flooding, pcapFile(flood()));
    const { file } = await buildExecutable(join(folder, 'package'));
    // A file that was just written is mapped in larger pieces than one that is read from a disk.
    sh('dd', `of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none');
    const rows: Footprint[] = [];
    for (const [collector, vigia] of [
      ['clone', CLONE],
      ['package', [file]],
    ] as const) {
      const own = mkdtempSync(join(folder, 'collector-'));
      const where = { name: link.near, edge: edge.url, folder: own, vigia: [...vigia] };
      const measures = (traffic: string, pid: number, during: () => Promise<unknown>): Promise<void> =>
        measured(pid, during).then((figures) => void rows.push({ collector, traffic, ...figures }));
      // What the unit's cache keeps is made by the first start.
      await watching('vigia', where, () => sleep(1000));
      await watching('vigia', where, async (child) => {
        const pid = child?.pid ?? 0;
        await measures('none', pid, () => sleep(1000 * SECONDS));
        await measures('a mix of small packets', pid, () => replay(link, mixed, 'in', SECONDS));
        await measures('SYNs of 100,000 sources', pid, () => replay(link, flooding, 'in', SECONDS));
      });
    }
    return rows;
  } finally {
    link.remove();
    await edge.stop();
    rmSync(folder, { recursive: true });
  }
}

type Figures = Omit<Footprint, 'collector' | 'traffic'>;

async function measured(pid: number, during: () => Promise<unknown>): Promise<Figures> {
  const [began_ms, before_ms] = [performance.now(), processor_ms(pid)];
  await during();
  const cpu_percent = (100 * (processor_ms(pid) - before_ms)) / (performance.now() - began_ms);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024);
  return {
    resident_MiB: mebibytes('VmRSS'),
    anonymous_MiB: mebibytes('RssAnon'),
    cpu_percent: Number(cpu_percent.toFixed(1)),
  };
}

function processor_ms(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

/** Prints the table and returns it. */
export async function benchmark(): Promise<Footprint[] | { skipped: string }> {
  const reason = missing('ip', 'tcpreplay');
  if (reason) {
    console.log(`left out: ${reason}`);
    return { skipped: reason };
  }
  console.log(
    `one collector with its unit's environment, ${SECONDS} s each, ${RATE.toLocaleString('en')} packets/s where there are any`,
  );
  const rows = await footprints();
  console.table(rows);
  return rows;
}

if (import.meta.main) await benchmark();
