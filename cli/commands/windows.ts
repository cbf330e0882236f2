/** `vigia windows FILE.pcap`: the windows of a capture as NDJSON, without a server and without root. */
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { type CollectorOptions, readConfig } from '../../collector/config.ts';
import { pcapSource } from '../../collector/sources/pcap.ts';
import { list, positiveInteger } from '../option-values.ts';
import { progressOn } from '../progress.ts';
import { drained, stopWhenNobodyReads } from '../write-lines.ts';

/** Silences that are told one by one; of the rest the number. */
const SILENCES_TOLD = 5;

export function register(program: Command): void {
  program
    .command('windows')
    .description('print the windows of a capture as NDJSON; needs no server and no root')
    .argument('<FILE>', 'pcap or pcapng; gzip, zstd or neither; - is stdin')
    .option('--period-ms <N>', 'length of a window; windows begin at its multiples', positiveInteger, 1000)
    .option(
      '--local <CIDR>',
      "the host's own addresses, comma separated, for bytes in and out; none: every frame counts as in (default: learned from the capture)",
      list,
    )
    .option('--host <NAME>', 'host to write into the windows')
    .option('--group <NAME>', 'group to write into the windows')
    .addHelpText(
      'after',
      `
Examples:
  vigia windows office.pcapng --local 192.168.1.0/24 > office.ndjson
  tcpdump -i eth0 -w - | vigia windows - --local 192.168.1.7

Exit 2 where the capture cannot be read to its end; the windows before that are printed.`,
    )
    .action(printWindows);
}

async function printWindows(file: string, options: CollectorOptions): Promise<void> {
  const { host, group, period_ms, local } = readConfig({
    ...options,
    to: 'http://localhost',
    source: [`pcap:${file}`],
  });
  const size = file === '-' ? null : (statSync(file, { throwIfNoEntry: false })?.size ?? null);
  const progress = progressOn(process.stderr, 'reading', size);
  const stop = stopWhenNobodyReads();
  let silences = 0;
  const onSilence = (from_ms: number, to_ms: number): void => {
    if (++silences > SILENCES_TOLD) return;
    const [from, to] = [from_ms, to_ms].map((time) => new Date(time).toISOString());
    tell(`nothing from ${from} to ${to}; a silence of more than a minute gets no empty windows`);
  };
  const source = pcapSource({ file, host, group, period_ms, local, onSilence, onProgress: progress.update });
  try {
    for await (const window of source.windows(stop)) {
      if (!process.stdout.write(`${JSON.stringify(window)}\n`)) await drained(stop);
    }
  } finally {
    progress.done();
    if (silences > SILENCES_TOLD) tell(`${silences - SILENCES_TOLD} more silences of more than a minute`);
    for (const [reason, count] of Object.entries(source.losses())) {
      if (count > 0) tell(`${count} x ${reason} (docs/window.md)`);
    }
  }
}

const tell = (text: string): boolean => process.stderr.write(`vigia: ${text}\n`);
