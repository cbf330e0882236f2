#!/usr/bin/env node
/** The `vigia` command: every subcommand stands in a file of its own name under `commands/`. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { reportAndExit } from './report-error.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('vigia')
  .description('Threat detection for fleets of hosts: eBPF windows in, verdicts of rules and models out.')
  .version(version)
  .showHelpAfterError('(vigia --help lists the commands)')
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

/** Loaded when asked for: the collector has no use for the memory of the models and of workerd. */
const COMMANDS = {
  up: () => import('./commands/up.ts'),
  collect: () => import('./commands/collect.ts'),
  windows: () => import('./commands/windows.ts'),
  auth: () => import('./commands/auth.ts'),
  detect: () => import('./commands/detect.ts'),
  train: () => import('./commands/train.ts'),
  explain: () => import('./commands/explain.ts'),
  classify: () => import('./commands/classify.ts'),
  drill: () => import('./commands/drill.ts'),
  doctor: () => import('./commands/doctor.ts'),
  token: () => import('./commands/token.ts'),
} satisfies Record<string, () => Promise<{ register(program: Command): void }>>;

const [asked] = Object.entries(COMMANDS).filter(([name]) => name === process.argv[2]);
for (const load of asked ? [asked[1]] : Object.values(COMMANDS)) (await load()).register(program);

await program.parseAsync().catch(reportAndExit);
