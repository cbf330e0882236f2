/** The tokens that were revoked before their end, in one small object that every isolate reads. */
import { MOST_REVOKED, type RevokedToken, revokedTokens } from '../../contract/token.ts';
import type { ObjectStore } from './object-store.ts';

export const REVOKED_KEY = 'tokens/revoked.json';

const PUT_ATTEMPTS = 5;

/** There is no room for another. */
export class TooManyRevokedError extends Error {
  override readonly name = 'TooManyRevokedError';
}

/** Others revoked tokens at the same moment, again and again. */
export class RevocationConflictError extends Error {
  override readonly name = 'RevocationConflictError';
}

/**
 * @returns the list with its etag, null where nobody was ever revoked, or `unchanged`
 * @throws SyntaxError, ZodError where the object is no list: nobody may pass then
 */
export async function readRevoked(
  store: ObjectStore,
  knownEtag?: string,
): Promise<{ readonly revoked: readonly RevokedToken[]; readonly etag: string } | 'unchanged' | null> {
  const object = await store.get(REVOKED_KEY, knownEtag);
  if (object === null || object === 'unchanged') return object;
  return { ...revokedTokens.parse(JSON.parse(new TextDecoder().decode(object.bytes))), etag: object.etag };
}

/**
 * Adds a token to the list, and drops those that have ended by themselves. Revoking twice changes nothing.
 * @throws TooManyRevokedError, RevocationConflictError
 */
export async function revoke(store: ObjectStore, id: string, until: Date, now: Date): Promise<void> {
  for (let attempt = 0; attempt < PUT_ATTEMPTS; attempt++) {
    const read = await readRevoked(store);
    const known = read === null || read === 'unchanged' ? [] : read.revoked;
    if (known.some((token) => token.id === id)) return;
    const kept = known.filter((token) => Date.parse(token.until) > now.getTime());
    if (kept.length >= MOST_REVOKED)
      throw new TooManyRevokedError(`${MOST_REVOKED} tokens are revoked already; replace the signing key instead`);
    const revoked = [...kept, { id, revoked_at: now.toISOString(), until: until.toISOString() }];
    const bytes = new TextEncoder().encode(`${JSON.stringify({ revoked })}\n`).slice().buffer;
    const condition = read === null || read === 'unchanged' ? { ifAbsent: true as const } : { ifMatch: read.etag };
    if ((await store.put(REVOKED_KEY, bytes, condition)) !== null) return;
  }
  throw new RevocationConflictError('other tokens are being revoked at this moment; try again');
}
