/** `vigia up`: the edge and a collector on this machine. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { type CollectorOptions, readConfig } from '../../collector/config.ts';
import { runCollector } from '../../collector/main.ts';
import { defaultInterface, defaultLogins } from '../default-source.ts';
import { variablesOf, withWebhookSecret } from '../edge/edge-variables.ts';
import type { Edge } from '../edge.ts';
import { logger } from '../logger.ts';
import { portNumber, positiveInteger, repeated } from '../option-values.ts';
import { aborted, stopOnSignal } from '../stop-on-signal.ts';

interface Options extends CollectorOptions {
  port: number;
  state: string;
  webhook?: string;
  webhookAllowPrivate?: true;
  collector: boolean;
}

export function register(program: Command): void {
  program
    .command('up')
    .description('edge, dashboard and collector on this machine; prints "ready URL" when it serves')
    .option('--port <N>', 'port of the edge on 127.0.0.1', portNumber, 8787)
    .option('--state <DIR>', 'windows, models, incidents and spool', '.vigia')
    .option(
      '--source <SPEC>',
      'ebpf:IFACE, pcap:FILE or windows:FILE.ndjson; several times (default: eBPF on the interface of the default route)',
      repeated,
    )
    .option('--no-collector', 'the edge alone')
    .option('--host <NAME>', 'name of this host')
    .option('--group <NAME>', 'hosts that share a baseline')
    .option('--period-ms <N>', 'length of a window', positiveInteger)
    .option('--webhook <URL>', 'where incidents are posted, signed (WEBHOOK_URL)')
    .option('--webhook-allow-private', 'allow a webhook on a loopback or private address (WEBHOOK_ALLOW_PRIVATE=true)')
    .option(
      '--metrics <HOST:PORT>',
      'where the collector serves /metrics and /healthz (VIGIA_METRICS; default: nowhere)',
    )
    .addHelpText(
      'after',
      '\nWindows and models stand below --state, or on an S3 server: STORAGE_S3_ENDPOINT and its neighbours, docs/storage.md.\n' +
        '\nExample:\n  vigia up --source ebpf:eth0 --webhook https://soc.example.com/vigia',
    )
    .action(up);
}

async function up(options: Options): Promise<void> {
  const log = logger();
  const stop = stopOnSignal();
  const vars = edgeVariables(options, log);
  // Loaded here: no other command should pay for the runtime.
  const { startEdge } = await import('../edge.ts');
  const edge = await startEdge({ port: options.port, stateDir: options.state, vars });
  try {
    process.stdout.write(`ready ${edge.url}\n`);
    const collecting = options.collector ? collect(edge, options, vars, log, stop) : Promise.resolve();
    await collecting;
    await aborted(stop);
  } finally {
    await edge.stop();
  }
}

/** The edge goes on without its collector: what is missing is told, and other hosts may post. */
async function collect(
  edge: Edge,
  options: Options,
  vars: Record<string, string>,
  log: Logger,
  stop: AbortSignal,
): Promise<void> {
  try {
    const source = options.source ?? defaultSource(log);
    if (source.length === 0) return;
    if (vars.TOKEN_KEY && !options.tokenFile) {
      log.warn({
        event: 'no_collector',
        message: 'with TOKEN_KEY set, run the collector by itself: vigia collect --token-file FILE',
      });
      return;
    }
    const config = readConfig({ ...options, source, to: edge.url, spool: join(options.state, 'spool') });
    log.info({ event: 'collecting', sources: source, host: config.host, group: config.group });
    await runCollector(config, log, stop);
  } catch (error) {
    log.error({ event: 'no_collector', message: error instanceof Error ? error.message : String(error) });
  }
}

function defaultSource(log: Logger): string[] {
  const name = defaultInterface();
  const logins = [defaultLogins()].filter((spec) => spec !== null);
  if (name !== null) return [`ebpf:${name}`, ...logins];
  log.warn({
    event: 'no_collector',
    message: 'no default route, so no interface to watch; name one with --source ebpf:IFACE',
  });
  return logins;
}

function edgeVariables(options: Options, log: Logger): Record<string, string> {
  const vars = variablesOf(process.env);
  if (options.webhook) vars.WEBHOOK_URL = options.webhook;
  if (options.webhookAllowPrivate) vars.WEBHOOK_ALLOW_PRIVATE = 'true';
  return withWebhookSecret(vars, options.state, log);
}
