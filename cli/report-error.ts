/** How a command ends when something went wrong: one line that says what to do, exit 2. */
import { UnreachableError } from '../contract/client.ts';
import { printable } from './table.ts';

const UNREACHABLE_REMEDY = '; --to names another edge, and `vigia up` starts one here';

/** Writes the error to stderr (with VIGIA_DEBUG set: where it came from, and its causes) and exits with 2. */
export function reportAndExit(error: unknown): never {
  const remedy = error instanceof UnreachableError ? UNREACHABLE_REMEDY : '';
  const message = (error instanceof Error ? error.message : String(error)) + remedy;
  // An edge, or what stands before it, may have had a word in it.
  process.stderr.write(`vigia: ${message.split('\n').map(printable).join('\n')}\n`);
  if (process.env.VIGIA_DEBUG) console.error(error);
  process.exit(2);
}
