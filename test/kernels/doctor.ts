/** `vigia doctor` by itself, for a booted kernel. */
import { Command } from 'commander';
import { register } from '../../cli/commands/doctor.ts';

const program = new Command('vigia');
register(program);
await program.parseAsync();
