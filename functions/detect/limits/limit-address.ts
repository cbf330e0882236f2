/** The middleware that bounds what one address may ask, and tells callers in each answer how much they have left. */
import type { MiddlewareHandler } from 'hono';
import { type AppEnvironment, isolate, soundBindingsOf } from '../services.ts';
import { clientAddress } from './client-address.ts';

export const limitAddress: MiddlewareHandler<AppEnvironment> = async (c, next) => {
  const bindings = soundBindingsOf(c.env);
  if (bindings === null) return next();
  const { addressSource, quotas } = bindings;
  const address = clientAddress(c.req.raw, addressSource);
  isolate.limits.take('address', address, quotas, Date.now());
  c.set('address', address);
  await next();
  const quota = c.get('quota');
  if (quota === undefined || c.res.headers.has('ratelimit')) return;
  for (const [name, value] of Object.entries(quota)) c.res.headers.set(name, value);
};
