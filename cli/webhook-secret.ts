/** The signing secret of an embedded edge: made once, kept in the state folder, readable by its owner only. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Standard Webhooks 1.0: the prefix, and 24 to 64 random bytes in base64. */
const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** @returns the secret and the file that holds it */
export function webhookSecret(stateDir: string): { secret: string; file: string } {
  const file = join(stateDir, 'webhook-secret');
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, PREFIX + randomBytes(SECRET_BYTES).toString('base64'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return { secret: readFileSync(file, 'utf8').trim(), file };
}
