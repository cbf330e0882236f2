/** `vigia windows FILE.pcap`: the windows of a capture as NDJSON, without a server and without root. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { type CollectorOptions, readConfig } from '../../collector/config.ts';
import { pcapSource } from '../../collector/sources/pcap.ts';
import { list, positiveInteger } from '../option-values.ts';
import { progressOn } from '../progress.ts';

export function register(program: Command): void {
  program
    .command('windows')
    .description('print the windows of a capture as NDJSON')
    .argument('<FILE>', 'pcap or pcapng, gzip or not; - is stdin')
    .option('--period-ms <N>', 'length of a window', positiveInteger, 1000)
    .option(
      '--local <CIDR>',
      "the host's own addresses, comma separated, for bytes in and out; none: every frame counts as in (default: learned from the capture)",
      list,
    )
    .option('--host <NAME>', 'host to write into the windows')
    .option('--group <NAME>', 'group to write into the windows')
    .addHelpText('after', '\nExample:\n  vigia windows office.pcapng --local 192.168.1.0/24 > office.ndjson')
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
  const stop = new AbortController();
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop.abort();
  });
  const source = pcapSource({ file, host, group, period_ms, local, onProgress: progress.update });
  try {
    for await (const window of source.windows(stop.signal)) {
      if (stop.signal.aborted) break;
      if (!process.stdout.write(`${JSON.stringify(window)}\n`))
        await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'error')]);
    }
  } finally {
    progress.done();
    for (const [reason, count] of Object.entries(source.losses())) {
      if (count > 0) process.stderr.write(`vigia: ${count} x ${reason} (docs/window.md)\n`);
    }
  }
}
