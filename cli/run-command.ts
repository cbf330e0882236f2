/** Runs the command line over the commands that an entry offers. */
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { reportAndExit } from './report-error.ts';

/** A file of `commands/`. */
export interface CommandFile {
  register(program: Command): void;
}

/**
 * Ends the process with 2 where a command throws or the line makes no sense.
 * @param commands by name; only the one that is asked for is loaded: the collector has no use for the memory of the models and of workerd
 */
export async function runCommand(commands: Readonly<Record<string, () => Promise<CommandFile>>>): Promise<void> {
  const program = new Command('vigia')
    .description('Threat detection for fleets of hosts: eBPF windows in, verdicts of rules and models out.')
    .version(packageJson.version)
    .showHelpAfterError('(vigia --help lists the commands)')
    .configureOutput({ outputError: (text, write) => write(text) })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const asked = Object.entries(commands).filter(([name]) => name === process.argv[2]);
  for (const load of asked.length > 0 ? asked.map(([, load]) => load) : Object.values(commands))
    (await load()).register(program);
  await program.parseAsync().catch(reportAndExit);
}
