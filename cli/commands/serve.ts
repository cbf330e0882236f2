/** `vigia serve`: the edge on a machine of one's own, for other hosts: workerd without Miniflare, watched over and reloaded. */
import { type Command, Option } from 'commander';
import { variablesOf, withWebhookSecret } from '../edge/edge-variables.ts';
import { logger } from '../logger.ts';
import { notifyReady } from '../notify-systemd.ts';
import { portNumber, processCount } from '../option-values.ts';
import { aborted, stopOnSignal } from '../stop-on-signal.ts';

interface Options {
  port: number;
  host: string;
  state: string;
  tlsCert?: string;
  tlsKey?: string;
  processes: number;
}

export function register(program: Command): void {
  program
    .command('serve')
    .description('the edge on this machine, for other hosts; prints "ready URL" when it serves')
    .addOption(new Option('--port <N>', 'port to listen on').env('VIGIA_PORT').argParser(portNumber).default(8787))
    .addOption(
      new Option('--host <ADDRESS>', 'address to listen on; any but loopback needs TOKEN_KEY')
        .env('VIGIA_HOST')
        .default('127.0.0.1'),
    )
    .option('--state <DIR>', 'windows, models and incidents', '.vigia-edge')
    .addOption(new Option('--tls-cert <FILE>', 'certificate chain in PEM: serve HTTPS').env('VIGIA_TLS_CERT'))
    .addOption(new Option('--tls-key <FILE>', 'its key in PEM').env('VIGIA_TLS_KEY'))
    .addOption(
      new Option(
        '--processes <N>',
        'processes that answer the port, "auto": one per core; past 1, two more keep state and train',
      )
        .env('VIGIA_PROCESSES')
        .argParser(processCount)
        .default(1),
    )
    .addHelpText(
      'after',
      '\nSIGHUP replaces its processes without losing a request, and takes a renewed certificate; SIGTERM lets requests finish.\n' +
        'Storage and settings are variables of the environment. As a service, with backups and updates: docs/deploy.md.\n' +
        '\nExample:\n  TOKEN_KEY=$(cat token.key) vigia serve --host 0.0.0.0 --tls-cert edge.pem --tls-key edge.key',
    )
    .action(serve);
}

async function serve(options: Options): Promise<void> {
  const log = logger();
  const stop = stopOnSignal();
  // Loaded here: no other command should pay for the bundler.
  const { EdgeError } = await import('../edge/edge-error.ts');
  const { EdgeServer } = await import('../serve/server.ts');
  const { tlsCert, tlsKey, host, port, state, processes } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new EdgeError('TLS needs both --tls-cert and --tls-key', 'Give the other one too, or neither');
  const vars = withWebhookSecret(variablesOf(process.env), state, log);
  if (!vars.TOKEN_KEY)
    log.warn({ event: 'no_token_key', message: 'whoever reaches this port may post and read; set TOKEN_KEY' });
  const server = await EdgeServer.start({
    host,
    port,
    stateDir: state,
    tls: tlsCert === undefined || tlsKey === undefined ? null : { certificateFile: tlsCert, keyFile: tlsKey },
    vars,
    processes,
    logger: log,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  process.on('SIGHUP', () => void server.reload());
  try {
    process.stdout.write(`ready ${server.url}\n`);
    await notifyReady(log);
    await aborted(stop);
  } finally {
    await server.stop();
  }
}
