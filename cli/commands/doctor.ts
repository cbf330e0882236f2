/** `vigia doctor`: what a collector on this host can and cannot do, and what to do about it. */
import type { Command } from 'commander';
import { type CollectorOptions, readConfigWithFile } from '../../collector/config.ts';
import type { Finding } from '../../collector/doctor/finding.ts';
import { installedService } from '../../collector/doctor/installed.ts';
import {
  capabilitiesFinding,
  jitFinding,
  kernelFinding,
  observableInterfaces,
  patternFindings,
  programFinding,
} from '../../collector/doctor/kernel-findings.ts';
import {
  edgeFindings,
  journalFinding,
  logFinding,
  spoolFinding,
  tokenFinding,
} from '../../collector/doctor/place-findings.ts';
import { isPattern } from '../../collector/sources/interface-pattern.ts';
import { parseSpec } from '../../collector/sources/spec.ts';
import { defaultInterface, defaultLogins } from '../default-source.ts';
import { repeated } from '../option-values.ts';

/** Stands where no edge is named; nothing is sent there. */
const NO_EDGE = 'http://localhost';
const ANY_INTERFACE = 'ebpf:*';

interface Options extends CollectorOptions {
  json?: true;
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description(
      'say what a collector on this host can and cannot do; exit 0 where it works, 1 where something is missing',
    )
    .option('--config <FILE>', 'its settings (VIGIA_CONFIG; default: /etc/vigia/collector.toml if it is there)')
    .option('--to <URL>', 'the edge it would post to (VIGIA_TO)')
    .option(
      '--source <SPEC>',
      'what it would watch (VIGIA_SOURCE; default: the default route and the log of logins)',
      repeated,
    )
    .option('--spool <DIR>', 'where its windows would wait (VIGIA_SPOOL_DIR; default: .vigia/spool)')
    .option('--token-file <FILE>', 'holds its token (VIGIA_TOKEN_FILE)')
    .option('--ca <FILE>', "PEM certificates of the edge's own authority (VIGIA_CA)")
    .option('--host <NAME>', 'its name (VIGIA_HOST; default: that of the host)')
    .option('--group <NAME>', 'its group (VIGIA_GROUP; default: default)')
    .option('--json', 'the findings as NDJSON')
    .addHelpText(
      'after',
      `
Where vigia-collector.service is installed, it looks where that does: /etc/vigia/collector.toml, collector.env and token, /var/lib/vigia.
It changes nothing. The edge is asked whether it takes the token, without a window.

Examples:
  sudo vigia doctor
  sudo vigia doctor --to https://vigia.example.com --source ebpf:eth0 --token-file /etc/vigia/token`,
    )
    .action(examine);
}

async function examine(options: Options): Promise<void> {
  const own = ownSources();
  const service = installedService(process.env);
  const { config, origins } = readConfigWithFile({ ...service?.options, ...options }, service?.environment, {
    ...service?.usual,
    to: NO_EDGE,
    sources: own.length > 0 ? own : [ANY_INTERFACE],
  });
  const findings: Finding[] = [...(service?.findings ?? []), kernelFinding(), jitFinding(), capabilitiesFinding()];
  for (const spec of config.sources.map(parseSpec)) {
    if (spec.kind === 'ebpf')
      findings.push(...(isPattern(spec.target) ? patternFindings(spec.target) : [programFinding(spec.target)]));
    if (spec.kind === 'auth') findings.push(logFinding(spec.target));
    if (spec.kind === 'journal') findings.push(journalFinding());
  }
  if (!config.sources.some((spec) => spec.startsWith('ebpf:')))
    findings.push({
      name: 'interface',
      state: 'limited',
      text: 'no interface is named, and there is no default route',
      remedy: `Name one with --source ebpf:IFACE; there are: ${observableInterfaces().join(', ') || 'none'}`,
    });
  findings.push(spoolFinding(config.spoolDir));
  findings.push(...tokenFinding(config, Date.now()));
  if (origins.to?.from !== 'default') findings.push(...(await edgeFindings(config)));
  const lines = options.json ? findings.map((finding) => JSON.stringify(finding)) : table(findings);
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = findings.some(({ state }) => state === 'missing') ? 1 : 0;
}

function ownSources(): string[] {
  const name = defaultInterface();
  return [name === null ? null : `ebpf:${name}`, defaultLogins()].filter((spec) => spec !== null);
}

function table(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings.flatMap(({ name, state, text, remedy }) => [
    `${state.padEnd('limited'.length)}  ${name.padEnd(width)}  ${text}`,
    ...(remedy === undefined ? [] : [`${' '.repeat('limited'.length + width + 4)}→ ${remedy}`]),
  ]);
}
