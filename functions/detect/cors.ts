/** Pages of other origins: none may read an answer, but those that the operator lists. */
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { type AppEnvironment, bindingsOf, soundBindingsOf } from './services.ts';

const MAX_AGE_S = 600;

/** Without a list it does nothing: the browser asks by OPTIONS, gets 405, and sends no more. */
export const allowListedOrigins: MiddlewareHandler<AppEnvironment> = async (c, next) => {
  const origins = soundBindingsOf(c.env)?.corsOrigins ?? [];
  return origins.length === 0 ? next() : share(c, next);
};

const share = cors({
  origin: (origin, c) => (bindingsOf(c.env).corsOrigins.includes(origin) ? origin : null),
  allowMethods: ['GET', 'POST', 'PATCH'],
  allowHeaders: ['Authorization', 'Content-Encoding', 'Content-Type', 'Idempotency-Key'],
  exposeHeaders: ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate'],
  maxAge: MAX_AGE_S,
});
