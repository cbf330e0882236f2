/** `vigia doctor`: what a collector on this host can and cannot do, and what to do about it. */
import type { Command } from 'commander';
import { type CollectorOptions, readConfig } from '../../collector/config.ts';
import type { Finding } from '../../collector/doctor/finding.ts';
import {
  capabilitiesFinding,
  jitFinding,
  kernelFinding,
  observableInterfaces,
  programFinding,
} from '../../collector/doctor/kernel-findings.ts';
import {
  edgeFindings,
  journalFinding,
  logFinding,
  spoolFinding,
  tokenFinding,
} from '../../collector/doctor/place-findings.ts';
import { defaultInterface, defaultLogins } from '../default-source.ts';
import { repeated } from '../option-values.ts';

interface Options extends CollectorOptions {
  json?: true;
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description(
      'say what a collector on this host can and cannot do; exit 0 where it works, 1 where something is missing',
    )
    .option('--to <URL>', 'the edge it would post to (VIGIA_TO)')
    .option(
      '--source <SPEC>',
      'what it would watch (VIGIA_SOURCE; default: the default route and the log of logins)',
      repeated,
    )
    .option('--spool <DIR>', 'where its windows would wait (VIGIA_SPOOL_DIR; default: .vigia/spool)')
    .option('--token-file <FILE>', 'holds its token (VIGIA_TOKEN_FILE)')
    .option('--json', 'the findings as NDJSON')
    .addHelpText(
      'after',
      '\nExample:\n  sudo vigia doctor --to https://vigia.example.com --source ebpf:eth0 --token-file /etc/vigia/token',
    )
    .action(examine);
}

async function examine(options: Options): Promise<void> {
  const asked = options.to ?? process.env.VIGIA_TO;
  const named = options.source ?? process.env.VIGIA_SOURCE?.split(/\s+/).filter(Boolean) ?? ownSources();
  const config = readConfig({
    ...options,
    to: asked ?? 'http://localhost',
    source: named.length > 0 ? named : ['none'],
  });
  const findings: Finding[] = [kernelFinding(), jitFinding(), capabilitiesFinding()];
  for (const spec of named) {
    const [kind, target = ''] = [spec.slice(0, spec.indexOf(':')), spec.slice(spec.indexOf(':') + 1)];
    if (kind === 'ebpf') findings.push(programFinding(target));
    if (kind === 'auth') findings.push(logFinding(target));
    if (spec === 'journal') findings.push(journalFinding());
  }
  if (!named.some((spec) => spec.startsWith('ebpf:')))
    findings.push({
      name: 'interface',
      state: 'limited',
      text: 'no interface is named, and there is no default route',
      remedy: `Name one with --source ebpf:IFACE; there are: ${observableInterfaces().join(', ') || 'none'}`,
    });
  findings.push(spoolFinding(config.spoolDir));
  if (config.tokenFile !== null) findings.push(tokenFinding(config.tokenFile, Date.now()));
  if (asked !== undefined) findings.push(...(await edgeFindings(config.to)));
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
