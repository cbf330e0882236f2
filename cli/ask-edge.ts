/** Asks a running edge, here or deployed, in the name of who holds the token. */
import { readFileSync } from 'node:fs';
import { reasonOf, UnreachableError } from '../contract/client.ts';

const TIMEOUT_MS = 30_000;

export interface EdgeAccess {
  /** Address of the edge. */
  to: string;
  /** Holds the token; an edge on loopback needs none. */
  tokenFile?: string;
}

/** @throws UnreachableError with the reason; Error with what the edge says where it refuses */
export async function askEdge(
  { to, tokenFile }: EdgeAccess,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  const authorization =
    tokenFile === undefined ? {} : { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
  const answer = await fetch(`${to.replace(/\/+$/, '')}${path}`, {
    method,
    headers: { ...authorization, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: Error) => {
    throw new UnreachableError(`${to} does not answer: ${reasonOf(cause)}`, { cause });
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${to} answers ${answer.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
