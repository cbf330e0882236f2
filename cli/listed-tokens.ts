/** The tokens that were signed here, joined with those that the edge says were revoked. */
import type { RevokedToken, Scope } from '../contract/token.ts';
import type { IssuedToken } from './issued-tokens.ts';

/** `unknown`: it has not expired, and no edge was asked whether it was revoked. */
export type TokenState = 'valid' | 'expired' | 'revoked' | 'unknown';

export interface ListedToken {
  readonly id: string;
  readonly state: TokenState;
  /** Null: it was revoked, and is not in the record; then nothing is known of its host and group either. */
  readonly scopes: readonly Scope[] | null;
  readonly host: string | null;
  readonly group: string | null;
  readonly created_at: string | null;
  readonly expires_at: string;
  readonly revoked_at: string | null;
}

/**
 * Those of the record first, the newest first; then what was revoked besides.
 * @param revoked null: no edge was asked
 */
export function listedTokens(
  issued: readonly IssuedToken[],
  revoked: readonly RevokedToken[] | null,
  now: Date,
): ListedToken[] {
  const revocations = new Map(revoked?.map((token) => [token.id, token]));
  const recorded = new Map(issued.toReversed().map((token) => [token.id, token]));
  const listed = [...recorded.values()].map((token): ListedToken => {
    const revoked_at = revocations.get(token.id)?.revoked_at ?? null;
    return { ...token, state: stateOf(token, revoked_at, revoked !== null, now), revoked_at };
  });
  const others = [...revocations.values()].filter(({ id }) => !recorded.has(id));
  return [...listed, ...others.map(ofRevoked)];
}

function stateOf({ expires_at }: IssuedToken, revoked_at: string | null, asked: boolean, now: Date): TokenState {
  if (revoked_at !== null) return 'revoked';
  if (new Date(expires_at) <= now) return 'expired';
  return asked ? 'valid' : 'unknown';
}

function ofRevoked({ id, revoked_at, until }: RevokedToken): ListedToken {
  const unknown = { scopes: null, host: null, group: null, created_at: null };
  return { id, state: 'revoked', ...unknown, expires_at: until, revoked_at };
}
