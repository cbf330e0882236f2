#!/usr/bin/env node
/** The `vigia` command: every subcommand stands in a file of its own name under `commands/`. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import * as auth from './commands/auth.ts';
import * as classify from './commands/classify.ts';
import * as collect from './commands/collect.ts';
import * as detect from './commands/detect.ts';
import * as doctor from './commands/doctor.ts';
import * as drill from './commands/drill.ts';
import * as explain from './commands/explain.ts';
import * as token from './commands/token.ts';
import * as train from './commands/train.ts';
import * as up from './commands/up.ts';
import * as windows from './commands/windows.ts';
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

for (const command of [up, collect, windows, auth, detect, train, explain, classify, drill, doctor, token])
  command.register(program);

await program.parseAsync().catch(reportAndExit);
