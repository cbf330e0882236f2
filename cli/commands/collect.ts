/** `vigia collect`: the collector alone, posting to an edge elsewhere. */
import type { Command } from 'commander';
import { type CollectorOptions, readConfig } from '../../collector/config.ts';
import { runCollector } from '../../collector/main.ts';
import { logger } from '../logger.ts';
import { list, positiveInteger, repeated } from '../option-values.ts';
import { stopOnSignal } from '../stop-on-signal.ts';

export function register(program: Command): void {
  program
    .command('collect')
    .description('collect windows on this host and post them to an edge')
    .option('--to <URL>', 'the edge (VIGIA_TO)')
    .option(
      '--source <SPEC>',
      'ebpf:IFACE, auth:FILE, journal, pcap:FILE or windows:FILE.ndjson; may be given several times',
      repeated,
    )
    .option('--host <NAME>', 'name of this host (VIGIA_HOST; default: its own)')
    .option('--group <NAME>', 'hosts that share a baseline (VIGIA_GROUP; default: default)')
    .option(
      '--spool <DIR>',
      'where windows wait until the edge has stored them (VIGIA_SPOOL_DIR; default: .vigia/spool)',
    )
    .option('--token-file <FILE>', 'holds the token (VIGIA_TOKEN_FILE); read at every post')
    .option('--period-ms <N>', 'length of a window', positiveInteger)
    .option('--local <CIDR>', "a capture's own addresses, comma separated (default: learned from it)", list)
    .option(
      '--metrics <HOST:PORT>',
      'where the collector serves /metrics and /healthz (VIGIA_METRICS; default: nowhere)',
    )
    .addHelpText(
      'after',
      '\nExample:\n  vigia collect --to https://vigia.example.com --source ebpf:eth0 --token-file /etc/vigia/token --group web',
    )
    .action(collect);
}

async function collect(options: CollectorOptions): Promise<void> {
  const config = readConfig(options);
  const { failures } = await runCollector(config, logger(), stopOnSignal());
  const [first] = failures;
  if (first) throw first;
}
