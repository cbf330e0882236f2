/** The `vigia` command of the single executable: what a collector's host needs, without the Workers' runtime and training. */
import type { Command } from 'commander';
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

void runCommand({
  collect: () => import('./commands/collect.ts'),
  windows: () => import('./commands/windows.ts'),
  auth: () => import('./commands/auth.ts'),
  detect: () => import('./commands/detect.ts'),
  explain: () => import('./commands/explain.ts'),
  classify: () => import('./commands/classify.ts'),
  doctor: () => import('./commands/doctor.ts'),
  token: () => import('./commands/token.ts'),
  block: () => import('./commands/block.ts'),
  up: async () => elsewhere('up'),
  train: async () => elsewhere('train'),
  drill: async () => elsewhere('drill'),
  serve: async () => elsewhere('serve'),
  incidents: async () => elsewhere('incidents'),
  maintenance: async () => elsewhere('maintenance'),
  allow: async () => elsewhere('allow'),
  models: async () => elsewhere('models'),
  webhooks: async () => elsewhere('webhooks'),
});
