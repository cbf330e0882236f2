/** Headers that keep browsers and caches from doing more with an answer than its reader wants. */
import type { MiddlewareHandler } from 'hono';

/** Where an answer brings its own, such as the policy of a page with scripts, that one stays. */
const DEFAULTS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
/** A year; over TLS only (RFC 6797, 7.2). */
const STRICT_TRANSPORT = 'max-age=31536000; includeSubDomains';

export const securityHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  const { headers } = c.res;
  for (const [name, value] of Object.entries(DEFAULTS)) if (!headers.has(name)) headers.set(name, value);
  if (c.req.url.startsWith('https:')) headers.set('strict-transport-security', STRICT_TRANSPORT);
};
