/** How a command ends when something went wrong: one line that says what to do, exit 2. */
import { printable } from './table.ts';

/** Writes the error to stderr (with VIGIA_DEBUG set: where it came from, and its causes) and exits with 2. */
export function reportAndExit(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  // An edge, or what stands before it, may have had a word in it.
  process.stderr.write(`vigia: ${message.split('\n').map(printable).join('\n')}\n`);
  if (process.env.VIGIA_DEBUG) console.error(error);
  process.exit(2);
}
