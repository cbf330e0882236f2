/** What `vigia token create` signed, a line each in a file beside the key, without the tokens: by it a lost one is found and revoked. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { SCOPES, tokenId } from '../contract/token.ts';

const issuedToken = z.object({
  id: tokenId,
  scopes: z.array(z.enum(SCOPES)),
  /** Null: any. */
  host: z.string().nullable(),
  group: z.string().nullable(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
});
export type IssuedToken = z.output<typeof issuedToken>;

export interface RecordPlace {
  issuedFile?: string;
  keyFile?: string;
}

/** The record cannot be written, so no token is given out. */
class RecordError extends Error {
  override readonly name = 'RecordError';
}

/** Beside the key; of a key that comes through a pipe in the user's own folder of state (XDG Base Directory). */
export function recordFile({ issuedFile, keyFile }: RecordPlace): string {
  if (issuedFile !== undefined) return issuedFile;
  if (keyFile !== undefined && keyFile !== '-' && !keyFile.startsWith('/dev/')) return `${keyFile}.issued`;
  return join(stateFolder(), 'tokens.issued');
}

function stateFolder(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'vigia');
}

/** @throws RecordError */
export function recordIssued(file: string, token: IssuedToken): void {
  try {
    if (dirname(file) === stateFolder()) mkdirSync(stateFolder(), { recursive: true, mode: 0o700 });
    appendFileSync(file, `${JSON.stringify(token)}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new RecordError(
      `${file}, where vigia token list looks for what was signed, cannot be written: ${String(cause)}; name another by --issued-file`,
      { cause },
    );
  }
}

/** What can be read of the record, the oldest first, and the numbers of the lines that cannot; null where there is no such file. */
export function readIssued(file: string): { issued: IssuedToken[]; broken: number[] } | null {
  if (!existsSync(file)) return null;
  const issued: IssuedToken[] = [];
  const broken: number[] = [];
  for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (line.trim() === '') continue;
    const token = parsed(line);
    if (token === null) broken.push(i + 1);
    else issued.push(token);
  }
  return { issued, broken };
}

function parsed(line: string): IssuedToken | null {
  try {
    return issuedToken.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
