/** `GET /`: where to go from here. */
import type { RouterRoute } from 'hono/types';
import { API_PREFIX } from '../../contract/client.ts';
import { VERSION } from '../../contract/version.ts';
import type { AppContext } from './services.ts';

/** Each route once, below the prefix where it has one, as `GET, PATCH /v1/incidents/:id`. */
export function welcome(c: AppContext, served: readonly RouterRoute[]): Response {
  const methods = new Map<string, Set<string>>();
  const paths = new Set(served.map(({ path }) => path));
  for (const { method, path } of served) {
    if (method === 'ALL' || paths.has(`${API_PREFIX}${path}`)) continue;
    methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  const routes = Array.from(methods, ([path, allowed]) => `${[...allowed].join(', ')} ${path}`);
  return c.json({ service: 'vigia', version: VERSION, routes });
}
