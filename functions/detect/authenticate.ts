/** Who is asking: bearer tokens signed by the deployment, with scopes, and with the host and group that they may speak for. */
import { errors, jwtVerify } from 'jose';
import * as z from 'zod';
import { groupName, label } from '../../contract/quantity.ts';
import { SCOPES, type Scope, tokenIdOf } from '../../contract/token.ts';
import { HttpProblem } from '../http/problem.ts';
import type { VerifiedToken, VerifiedTokens } from './verified-tokens.ts';

export interface Access {
  readonly scopes: ReadonlySet<Scope>;
  /** `null`: any. */
  readonly host: string | null;
  readonly group: string | null;
  /** What the token is known by; null: there is none. */
  readonly tokenId: string | null;
}

/** Embedded on loopback, without a key: everything. */
export const OPEN_ACCESS: Access = { scopes: new Set(SCOPES), host: null, group: null, tokenId: null };

const claims = z.object({
  exp: z.number().optional(),
  /** Space-separated, as OAuth has it (RFC 8693, 4.2). */
  scope: z.string(),
  host: label.optional(),
  group: groupName.optional(),
});

const CHALLENGE = { 'www-authenticate': 'Bearer realm="vigia"' };

/**
 * @param keys HS256 keys, the newest first, any of which may have signed; null where no token is needed
 * @param isRevoked asked of the id of a token that is valid otherwise, each time
 * @param verified tokens whose signature need not be verified again
 * @throws HttpProblem 401 without a valid token
 */
export async function authenticate(
  authorization: string | undefined,
  keys: readonly Uint8Array[] | null,
  isRevoked: (id: string) => Promise<boolean>,
  verified: VerifiedTokens,
): Promise<Access> {
  if (keys === null) return OPEN_ACCESS;
  const token = bearerToken(authorization);
  if (token === undefined)
    throw new HttpProblem(401, 'Send Authorization: Bearer <token>; "vigia token" makes one.', { headers: CHALLENGE });
  let entry = verified.find(token, keys, Date.now());
  if (entry === null) {
    entry = await verify(token, keys);
    verified.keep(token, keys, entry);
  }
  const { access } = entry;
  if (await isRevoked(access.tokenId))
    throw invalid('The token was revoked; ask whoever runs this deployment for another.');
  return access;
}

export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer ([\w.~+/=-]+)$/i.exec(authorization ?? '')?.[1];
}

async function verify(token: string, keys: readonly Uint8Array[]): Promise<VerifiedToken> {
  const parsed = claims.safeParse(await payloadOf(token, keys));
  if (!parsed.success)
    throw new HttpProblem(401, 'The token lacks a scope; make another with "vigia token".', { headers: CHALLENGE });
  const { scope, host = null, group = null, exp = null } = parsed.data;
  const scopes = new Set(SCOPES.filter((name) => scope.split(' ').includes(name)));
  return { access: { scopes, host, group, tokenId: await tokenIdOf(token) }, expires_s: exp };
}

/** The signature is compared in constant time by the platform's HMAC; a token that has ended is told so, whichever key signed it. */
async function payloadOf(token: string, keys: readonly Uint8Array[]): Promise<unknown> {
  let cause: unknown;
  for (const key of keys) {
    try {
      return (await jwtVerify(token, key, { algorithms: ['HS256'] })).payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw invalid('The token has expired; make another with "vigia token".', error);
      cause = error;
    }
  }
  throw invalid('The token is not valid here.', cause);
}

function invalid(detail: string, cause?: unknown): HttpProblem {
  const challenge = `${CHALLENGE['www-authenticate']}, error="invalid_token"`;
  return new HttpProblem(401, detail, { headers: { 'www-authenticate': challenge } }, { cause });
}

/** @throws HttpProblem 403 without the scope; `admin` holds every other */
export function requireScope(access: Access, scope: Scope): void {
  if (access.scopes.has(scope) || access.scopes.has('admin')) return;
  throw new HttpProblem(403, `The token lacks the scope "${scope}".`);
}

/** @throws HttpProblem 403 where the token names another group */
export function requireGroup(access: Access, group: string): void {
  if (access.group === null || access.group === group) return;
  throw new HttpProblem(403, `The token is for the group "${access.group}" only.`);
}

/** @throws HttpProblem 403 with the index of the first window that claims another host or group than the token's */
export function requireOwnWindows(
  access: Access,
  windows: readonly { host: string; group: string }[],
  name: string,
): void {
  if (access.host === null && access.group === null) return;
  for (const [index, { host, group }] of windows.entries()) {
    const wrong = access.host !== null && host !== access.host ? 'host' : null;
    const field = wrong ?? (access.group !== null && group !== access.group ? 'group' : null);
    if (field === null) continue;
    throw new HttpProblem(403, 'A window claims to come from elsewhere than its token.', {
      errors: [{ path: `${name}[${index}].${field}`, message: `the token is for ${field} ${access[field]} only` }],
    });
  }
}
