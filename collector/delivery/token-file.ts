/** The token that a collector shows its edge, from a file. */
import { readFileSync } from 'node:fs';

/** There is no token to post with. The message never holds what the file does. */
export class TokenFileError extends Error {
  override readonly name = 'TokenFileError';
  readonly code = 'TOKEN_FILE';
  readonly file: string;

  constructor(file: string, what: string) {
    super(`the token file ${file} ${what}`);
    this.file = file;
  }
}

/** What may follow `Bearer` (RFC 6750, 2.1). */
const TOKEN = /^[\w.~+/-]+=*$/;

/** @throws TokenFileError */
export function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new TokenFileError(file, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (token === '') throw new TokenFileError(file, 'is empty');
  if (!TOKEN.test(token)) throw new TokenFileError(file, 'holds something else than one token');
  return token;
}
