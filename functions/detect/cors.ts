/** Pages of other origins: none may read an answer, but those that the operator lists. */
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { RouterRoute } from 'hono/types';
import { type AppEnvironment, bindingsOf, soundBindingsOf } from './services.ts';

const MAX_AGE_S = 600;

/** What an answer tells beside its body, of which browsers show pages a few alone unless they are told so. */
const EXPOSED = ['Allow', 'ETag', 'Link', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate'];

/** What a page needs of an answer that says no more than that nothing has changed. */
export const SHARED_WITH_304 = [
  'access-control-allow-origin',
  'access-control-expose-headers',
  'ratelimit',
  'ratelimit-policy',
];

/**
 * Without a list it does nothing: the browser asks by OPTIONS, gets 405, and sends no more.
 * @param served whose methods a page may use; asked once all routes are there
 */
export function allowListedOrigins(served: () => readonly RouterRoute[]): MiddlewareHandler<AppEnvironment> {
  const share = cors({
    origin: (origin, c) => (bindingsOf(c.env).corsOrigins.includes(origin) ? origin : null),
    allowMethods: () => [...new Set(served().map(({ method }) => method))].filter((method) => method !== 'ALL'),
    allowHeaders: [
      'Authorization',
      'Content-Encoding',
      'Content-Type',
      'Idempotency-Key',
      'If-None-Match',
      'Last-Event-ID',
    ],
    exposeHeaders: EXPOSED,
    maxAge: MAX_AGE_S,
  });
  return async (c, next) => {
    const origins = soundBindingsOf(c.env)?.corsOrigins ?? [];
    return origins.length === 0 ? next() : share(c, next);
  };
}
