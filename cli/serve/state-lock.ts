/** One edge per state folder: two workerd processes on the same Durable Objects would each know half of what the other wrote. */
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { EdgeError } from '../edge/edge-error.ts';
import { lock } from '../libc.ts';

/**
 * Every workerd inherits the lock: it lasts until the last of them is gone, even where the supervisor was killed.
 * @returns the descriptor to inherit
 * @throws EdgeError where another edge runs on the folder
 */
export function lockState(stateDir: string): number {
  const fd = openSync(join(stateDir, 'lock'), 'a', 0o600);
  if (lock(fd)) return fd;
  throw new EdgeError(`Another vigia serve runs on ${stateDir}`, 'Stop it, or choose another folder with --state');
}
