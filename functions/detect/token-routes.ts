/** `GET /tokens/revoked` and `POST /tokens/revoke`. */
import { fieldErrors } from '../../contract/problem.ts';
import { type RevokedPage, type RevokedToken, revocation, revokedQuery } from '../../contract/token.ts';
import { readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { RevocationConflictError, readRevoked, revoke, TooManyRevokedError } from '../storage/revoked-tokens.ts';
import { answerPage } from './page.ts';
import { type AppContext, bindingsOf } from './services.ts';

const BODY_BYTES = 4 * 1024;
/** Of a token whose end is not told: longer than any that "vigia token create" makes. */
const LONGEST_MS = 3651 * 86_400_000;

export async function listRevoked(c: AppContext): Promise<Response> {
  const { limit, cursor } = readQuery(c.req.query(), revokedQuery);
  const read = await readRevoked(bindingsOf(c.env).store);
  const all = read === null || read === 'unchanged' ? [] : read.revoked;
  const latest = all.toSorted((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1));
  const following = cursor === undefined ? latest : latest.filter((token) => placeOf(token) < cursor);
  const revoked = following.slice(0, limit);
  const last = revoked.at(-1);
  const next = following.length > limit && last !== undefined ? placeOf(last) : null;
  return answerPage(c, { revoked, next } satisfies RevokedPage);
}

/** In the order of time, also where a token is gone from the list since. */
function placeOf({ revoked_at, id }: RevokedToken): string {
  return `${revoked_at}_${id}`;
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
