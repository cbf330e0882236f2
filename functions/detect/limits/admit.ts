/** Lets a request in: by its token, which has a scope and a quota, or, where none is asked for, from this machine only. */
import { type Scope, tokenIdOf } from '../../../contract/token.ts';
import { HttpProblem } from '../../http/problem.ts';
import { type Access, authenticate, bearerToken, requireScope } from '../authenticate.ts';
import type { Bindings } from '../bindings.ts';
import { type AppContext, bindingsOf, isolate } from '../services.ts';
import { requireLocalCaller } from './local-caller.ts';
import { quotaHeaders } from './request-limits.ts';

/**
 * From here on the request has its `access`, also where the scope is not in it.
 * @throws HttpProblem 401, 403, 429, or 503 where the list of revoked tokens cannot be read
 */
export async function admit(c: AppContext, scope: Scope): Promise<void> {
  const bindings = bindingsOf(c.env);
  const { tokenKeys, quotas, corsOrigins } = bindings;
  if (tokenKeys === null) requireLocalCaller(c.req.raw, corsOrigins);
  const access = await authenticated(c, scope, bindings);
  const { tokenId } = access;
  const level = isolate.limits.take('token', tokenId, quotas, Date.now());
  if (level !== null && quotas.token !== null) c.set('quota', quotaHeaders('token', quotas.token, level));
  c.set('access', access);
  requireScope(access, scope);
}

/**
 * An address that has failed too often is not even tried, so that it cannot guess on; but a token that was let in before is,
 * since hosts with good tokens may share the address.
 */
async function authenticated(c: AppContext, scope: Scope, { tokenKeys, store, quotas }: Bindings): Promise<Access> {
  const authorization = c.req.header('authorization');
  const address = c.get('address');
  const now = Date.now();
  if (isolate.limits.isSpent('failed_logins', address, quotas, now) && !(await wasLetIn(authorization)))
    isolate.limits.take('failed_logins', address, quotas, now);
  try {
    const isRevoked = (id: string): Promise<boolean> => isolate.revocations.isRevoked(id, scope, store, now);
    return await authenticate(authorization, tokenKeys, isRevoked, isolate.tokens);
  } catch (error) {
    if (error instanceof HttpProblem && error.status === 401)
      isolate.limits.take('failed_logins', address, quotas, now);
    throw error;
  }
}

async function wasLetIn(authorization: string | undefined): Promise<boolean> {
  const token = bearerToken(authorization);
  return token !== undefined && isolate.limits.knows('token', await tokenIdOf(token));
}
