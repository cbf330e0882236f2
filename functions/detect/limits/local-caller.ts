/**
 * Who may ask where no token is needed: programs on this machine, and no page of another site in its browser, neither by a
 * form or a script (cross-site request forgery) nor by a name that its owner points to 127.0.0.1 (DNS rebinding), and nobody through
 * a proxy, which may let in anybody.
 */
import { HttpProblem } from '../../http/problem.ts';

/** What proxies add (RFC 7239, RFC 9110 7.6.3, and by custom), and no program that asks by itself. */
const OF_PROXIES = /^(forwarded|via|x-real-ip|x-forwarded-.+)$/;

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * @param origins whose pages may ask besides our own
 * @throws HttpProblem 403
 */
export function requireLocalCaller(request: Request, origins: readonly string[]): void {
  const { hostname, origin: own } = new URL(request.url);
  if (!LOOPBACK.test(hostname))
    throw new HttpProblem(
      403,
      'Without a token this is served at 127.0.0.1 and localhost only, by those names; set TOKEN_KEY to serve others.',
    );
  for (const [name] of request.headers)
    if (OF_PROXIES.test(name))
      throw new HttpProblem(
        403,
        `This came through a proxy (it has a header ${name}), behind which anybody may stand. Set TOKEN_KEY and send a token, or ask past the proxy.`,
      );
  const origin = request.headers.get('origin');
  if (origin !== null && origin !== own && !origins.includes(origin))
    throw new HttpProblem(403, 'Pages of other origins may not ask; list theirs in CORS_ORIGINS if they should.');
  if (origin === null && request.headers.get('sec-fetch-site') === 'cross-site')
    throw new HttpProblem(403, 'Pages of other sites may not ask.');
}
