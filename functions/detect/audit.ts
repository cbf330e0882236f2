/** The trail of who did what: a line of the log for each request that needs the scope `train` or `admin`. */
import type { Scope } from '../../contract/token.ts';
import { HttpProblem } from '../http/problem.ts';
import openApi from './generated/openapi.json' with { type: 'json' };
import { matchedRoute } from './matched-route.ts';
import type { AppContext } from './services.ts';

/** An id of ours fits; a token, should somebody put one where an id belongs, does not. */
const SEGMENT_CHARACTERS = 80;

const operations: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>> = openApi.paths;

export function isAudited(scope: Scope): boolean {
  return scope === 'train' || scope === 'admin';
}

/**
 * Does `work`, which lets the request in and answers it, and writes what became of it, also where the client is gone by then. Who
 * was not let in did nothing, and fills no log.
 */
export async function audited(c: AppContext, work: () => Promise<void>): Promise<void> {
  const done = work().then(
    () => write(c, c.res.status),
    (error: unknown) => {
      write(c, error instanceof HttpProblem ? error.status : 500);
      throw error;
    },
  );
  c.executionCtx.waitUntil(done.catch(() => undefined));
  await done;
}

function write(c: AppContext, status: number): void {
  const access = c.get('access');
  if (access === undefined) return;
  const route = matchedRoute(c) ?? '';
  const { method } = c.req;
  console.log(
    JSON.stringify({
      level: 'info',
      event: 'audit',
      operation: operations[route.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]?.operationId ?? null,
      method,
      path: c.req.path.split('/').map(shortened).join('/'),
      group: c.get('group') ?? access.group,
      token_id: access.tokenId,
      address: c.get('address') ?? null,
      status,
    }),
  );
}

function shortened(segment: string): string {
  return segment.length > SEGMENT_CHARACTERS ? `${segment.slice(0, SEGMENT_CHARACTERS)}…` : segment;
}
