/** Which route a request met: both paths of one, with the version and without, are the one without. */
import { matchedRoutes } from 'hono/route';
import { API_PREFIX } from '../../contract/client.ts';
import type { AppContext } from './services.ts';

/** Such as `/incidents/:id`; null where there is none. */
export function matchedRoute(c: AppContext): string | null {
  const path = matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path ?? null;
  return path?.startsWith(`${API_PREFIX}/`) ? path.slice(API_PREFIX.length) : path;
}
