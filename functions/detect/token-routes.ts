/** `GET /tokens/revoked` and `POST /tokens/revoke`. */
import { fieldErrors } from '../../contract/problem.ts';
import { revocation } from '../../contract/token.ts';
import { readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem } from '../http/problem.ts';
import { RevocationConflictError, readRevoked, revoke, TooManyRevokedError } from '../storage/revoked-tokens.ts';
import { type AppContext, bindingsOf } from './services.ts';

const BODY_BYTES = 4 * 1024;
/** Of a token whose end is not told: longer than any that "vigia token create" makes. */
const LONGEST_MS = 3651 * 86_400_000;

export async function listRevoked(c: AppContext): Promise<Response> {
  const read = await readRevoked(bindingsOf(c.env).store);
  return c.json({ revoked: read === null || read === 'unchanged' ? [] : read.revoked });
}

/** Holds in every isolate within half a minute. */
export async function revokeToken(c: AppContext): Promise<Response> {
  if (mediaType(c.req.raw) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const parsed = revocation.safeParse(parseJson(await readText(c.req.raw, BODY_BYTES)));
  if (!parsed.success) throw new HttpProblem(400, 'The body is not valid.', { errors: fieldErrors(parsed.error) });
  const now = new Date();
  const { id, until } = parsed.data;
  const end = until === undefined ? new Date(now.getTime() + LONGEST_MS) : new Date(until);
  try {
    await revoke(bindingsOf(c.env).store, id, end, now);
  } catch (cause) {
    if (cause instanceof TooManyRevokedError || cause instanceof RevocationConflictError)
      throw new HttpProblem(409, `${cause.message}.`, {}, { cause });
    throw cause;
  }
  return c.json({ status: 'revoked', id });
}
