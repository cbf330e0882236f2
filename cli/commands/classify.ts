/** `vigia classify`: what kind of string each line of stdin is. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { classifyUsername } from '../../models/username/classify.ts';
import { printable } from '../table.ts';

export function register(program: Command): void {
  program
    .command('classify')
    .description('tell user names, passwords, commands and service accounts apart; strings from stdin, one a line')
    .option('--json', 'one JSON object a line, without the string')
    .addHelpText('after', "\nExample:\n  printf 'j.smith\\nls -la\\n' | vigia classify")
    .action(classify);
}

async function classify({ json }: { json?: true }): Promise<void> {
  // `vigia classify | head` is no error: there is nothing left to do where nobody reads.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  if (!json) process.stdout.write('type      confidence  text\n');
  for await (const text of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    const verdict = classifyUsername(text);
    const { predicted_type, confidence } = verdict;
    process.stdout.write(
      json
        ? `${JSON.stringify(verdict)}\n`
        : `${predicted_type.padEnd(8)}  ${confidence.toFixed(2).padEnd(10)}  ${printable(text)}\n`,
    );
  }
}
