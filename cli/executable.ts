/** The `vigia` command of the single executable: what a collector's host needs, without the Workers' runtime and training. */
import type { Command } from 'commander';
import * as auth from './commands/auth.ts';
import * as classify from './commands/classify.ts';
import * as collect from './commands/collect.ts';
import * as detect from './commands/detect.ts';
import * as doctor from './commands/doctor.ts';
import * as explain from './commands/explain.ts';
import * as token from './commands/token.ts';
import * as windows from './commands/windows.ts';
import { type CommandFile, runCommand } from './run-command.ts';

/** A command that is known but not in the executable: it says where it is. */
const elsewhere = (name: string): CommandFile => ({
  register: (program: Command) => {
    program
      .command(name, { hidden: true })
      .argument('[anything...]')
      .allowUnknownOption()
      .helpOption(false)
      .action(() => {
        throw new Error(
          `vigia ${name} is not in the single executable: use the npm package with Node 24 or later, or a clone`,
        );
      });
  },
});

void runCommand([
  collect,
  windows,
  auth,
  detect,
  explain,
  classify,
  doctor,
  token,
  ...['up', 'train', 'drill'].map(elsewhere),
]);
