/** `GET /`: the dashboard for a browser, and where to go from here for everybody else. */
import { accepts } from 'hono/accepts';
import type { RouterRoute } from 'hono/types';
import { API_PREFIX } from '../../contract/client.ts';
import { VERSION } from '../../contract/version.ts';
import dashboard from './generated/dashboard.json' with { type: 'json' };
import type { AppContext } from './services.ts';

const PAGE = 'text/html';
const LIST = 'application/json';

export function welcome(c: AppContext, served: readonly RouterRoute[]): Response {
  c.header('vary', 'Accept', { append: true });
  const wanted = accepts(c, { header: 'Accept', supports: [PAGE, LIST], default: LIST });
  return wanted === PAGE ? page(c) : c.json({ service: 'vigia', version: VERSION, routes: listed(served) });
}

/** It holds nothing of the deployment: what it shows it asks for, with its reader's token. */
function page(c: AppContext): Response {
  c.header('content-security-policy', dashboard.policy);
  // Asked for anew each time, by its ETag: a page of an older release would speak to a newer edge.
  c.header('cache-control', 'no-cache');
  return c.html(dashboard.html);
}

/** Each route once, below the prefix where it has one, as `GET, PATCH /v1/incidents/:id`. */
function listed(served: readonly RouterRoute[]): string[] {
  const methods = new Map<string, Set<string>>();
  const paths = new Set(served.map(({ path }) => path));
  for (const { method, path } of served) {
    if (method === 'ALL' || paths.has(`${API_PREFIX}${path}`)) continue;
    methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  return Array.from(methods, ([path, allowed]) => `${[...allowed].join(', ')} ${path}`);
}
