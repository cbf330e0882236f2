/** `vigia collect`: the collector alone, posting to an edge elsewhere. */
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { stringify } from 'smol-toml';
import { type CollectorOptions, readConfigWithFile } from '../../collector/config.ts';
import { installedService, UNIT } from '../../collector/doctor/installed.ts';
import { runCollector } from '../../collector/main.ts';
import type { Reload } from '../../collector/reload.ts';
import { logger } from '../logger.ts';
import { notifyReady } from '../notify-systemd.ts';
import { list, positiveInteger, repeated } from '../option-values.ts';
import { stopOnSignal } from '../stop-on-signal.ts';

interface Options extends CollectorOptions {
  check?: true;
}

export function register(program: Command): void {
  program
    .command('collect')
    .description('collect windows on this host and post them to an edge')
    .option(
      '--config <FILE>',
      'settings as TOML by the names of these options; an option or a variable comes before it (VIGIA_CONFIG; default: /etc/vigia/collector.toml if it is there)',
    )
    .option(
      '--check',
      'print the settings in effect and where each comes from, and exit; without --spool those of vigia-collector.service, where it is installed',
    )
    .option('--to <URL>', 'the edge (VIGIA_TO)')
    .option(
      '--source <SPEC>',
      'ebpf:IFACE, ebpf:PATTERN such as ebpf:veth*, auth:FILE, journal, pcap:FILE, pcap:-:IFACE or windows:FILE.ndjson; may be given several times (VIGIA_SOURCE)',
      repeated,
    )
    .option('--host <NAME>', 'name of this host (VIGIA_HOST; default: its own)')
    .option('--group <NAME>', 'hosts that share a baseline (VIGIA_GROUP; default: default)')
    .option(
      '--spool <DIR>',
      'where windows wait until the edge has stored them (VIGIA_SPOOL_DIR; default: .vigia/spool)',
    )
    .option(
      '--token-file <FILE>',
      "holds the token (VIGIA_TOKEN_FILE; default: systemd's credential `token`); read at every post",
    )
    .option('--ca <FILE>', "PEM certificates of the edge's own authority (VIGIA_CA)")
    .option('--period-ms <N>', 'length of a window', positiveInteger)
    .option('--local <CIDR>', "a capture's own addresses, comma separated (default: learned from it)", list)
    .option(
      '--accounts <NAME>',
      'user names of a directory (LDAP, a domain) that may leave the host as they are, comma separated (VIGIA_ACCOUNTS)',
      list,
    )
    .option(
      '--metrics <HOST:PORT>',
      'where the collector serves /metrics and /healthz (VIGIA_METRICS; default: nowhere)',
    )
    .option(
      '--block <MODE>',
      'whether attackers are dropped: off, dry-run (only counted) or enforce (VIGIA_BLOCK; default: dry-run)',
    )
    .option('--allow <CIDR>', 'never dropped, comma separated (VIGIA_ALLOW)', list)
    .option('--block-for <TIME>', 'how long an attacker is blocked at first: 90s, 10m, 2h (default: 10m)')
    .option('--block-at <HOOK>', 'tcx, or xdp: before the network stack (default: tcx)')
    .option('--keep-blocks', 'take the block list up again after a restart')
    .option('--block-webhook <HOST:PORT>', "take the edge's signed webhooks here, and block whom they name")
    .option(
      '--webhook-secret-file <FILE>',
      'holds the secret of their signatures, whsec_… (default: the credential webhook.secret of systemd)',
    )
    .addHelpText(
      'after',
      '\nExample:\n  vigia collect --to https://vigia.example.com --source ebpf:eth0 --token-file /etc/vigia/token --group web',
    )
    .action(collect);
}

async function collect(options: Options): Promise<void> {
  // On a host of others memory is dearer than speed: a flood leaves 12 MB less behind.
  setFlagsFromString('--optimize-for-size');
  // At once: a SIGHUP that nobody listens to ends the process.
  const reload = reloadOnSignal(options);
  if (options.check) return show(options);
  const { config } = readConfigWithFile(options);
  const log = logger();
  const { failures } = await runCollector(config, log, stopOnSignal(), {
    reload,
    collecting: () => void notifyReady(log),
  });
  const [first] = failures;
  if (first) throw first;
}

/** None of the settings is a secret: the token stands in a file of its own. Without --spool, as its unit gives it, a person asks. */
function show(options: Options): void {
  const service = options.spool === undefined ? installedService(process.env) : null;
  if (service)
    process.stdout.write(`# As ${UNIT} runs: with /etc/vigia/collector.env, --spool and the credentials of its unit\n`);
  for (const { text, remedy } of service?.findings ?? []) process.stdout.write(`# ${text}. ${remedy}\n`);
  const { origins } = readConfigWithFile({ ...service?.options, ...options }, service?.environment, service?.usual);
  for (const [name, { value, from }] of Object.entries(origins)) {
    const line = value === null ? `# ${name} is not set` : `${stringify({ [name]: value }).trim()}  # ${from}`;
    process.stdout.write(`${line}\n`);
  }
}

function reloadOnSignal(options: Options): Reload {
  let listener = (): void => {};
  process.on('SIGHUP', () => listener());
  return {
    read: () => readConfigWithFile(options).config,
    onAsked(asked) {
      listener = asked;
      return () => {
        listener = () => {};
      };
    },
  };
}
