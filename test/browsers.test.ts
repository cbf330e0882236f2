/** What a browser may do with the edge: nothing of another site's doing, unless the operator lists that site. */
import { request } from 'node:http';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problem } from '../contract/problem.ts';
import { readOrigins } from '../functions/detect/cors-origins.ts';
import { apiOperations } from './api-document.ts';
import { type TestEdge, testEdge } from './edge-fixture.ts';

const EVIL = 'https://evil.example';
const LISTED = 'https://soc.example.com';
const KEY = 'k'.repeat(48);

/** A header that is a list, in order. */
const listOf = (answer: Response, header: string): string[] =>
  (answer.headers.get(header) ?? '')
    .split(',')
    .filter((name) => name !== '')
    .sort();

/** As a browser sends it: fetch would not let us choose Host and Origin. */
function send(edge: TestEdge, method: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${edge.url}${path}`, { method, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', reject).end();
  });
}

describe('an edge without tokens', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge();
  });
  afterAll(() => edge.remove());

  it.each([
    ['a page of another site, though no preflight would stop it', 'POST', '/train', { origin: EVIL }],
    ['a sandboxed page', 'POST', '/webhooks/replay', { origin: 'null' }],
    ['an image of another site', 'GET', '/stats', { 'sec-fetch-site': 'cross-site' }],
    ['another server on this machine', 'POST', '/models/rollback', { origin: 'http://localhost:1' }],
    ['a name that its owner points to 127.0.0.1', 'GET', '/incidents', { host: 'rebound.evil.example' }],
    ['such a name with its own origin', 'POST', '/train', { host: 'evil.example', origin: 'http://evil.example' }],
  ])('refuses %s', async (_, method, path, headers) => {
    expect(await send(edge, method, path, headers)).toBe(403);
  });

  it.each([
    ['Forwarded', 'for=203.0.113.7;proto=https'],
    ['X-Forwarded-For', '203.0.113.7'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'vigia.example.com'],
    ['X-Real-IP', '203.0.113.7'],
    ['Via', '1.1 proxy.example.com'],
  ])('refuses what came through a proxy, though it names this machine, and says what to do (%s)', async (name, value) => {
    for (const [method, path] of [
      ['GET', '/stats'],
      ['POST', '/detect'],
      ['POST', '/train'],
    ] as const) {
      const answer = await fetch(`${edge.url}${path}`, { method, headers: { [name]: value } });
      expect(answer.status).toBe(403);
      expect(problem.parse(await answer.json()).detail).toMatch(new RegExp(`${name.toLowerCase()}.*Set TOKEN_KEY`));
    }
    expect(await send(edge, 'GET', '/health', { [name]: value })).toBe(200);
  });

  it('answers programs, and pages of its own', async () => {
    const { origin, port } = new URL(edge.url);
    expect(await send(edge, 'GET', '/stats', {})).toBe(200);
    expect(await send(edge, 'GET', '/stats', { host: `localhost:${port}` })).toBe(200);
    expect(await send(edge, 'GET', '/stats', { origin, 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await send(edge, 'GET', '/stats', { 'x-request-id': '1', forward: 'no', viable: 'yes' })).toBe(200);
  });

  it.each([
    ['GET', '/', 200],
    ['GET', '/health', 200],
    ['GET', '/stats', 200],
    ['GET', '/metrics', 200],
    ['GET', '/nowhere', 404],
    ['PUT', '/detect', 405],
    ['POST', '/classify_username', 200],
    ['POST', '/detect', 200],
  ])('%s %s: its headers keep browsers and caches out of the answer', async (method, path, status) => {
    const answer = await fetch(`${edge.url}${path}`, {
      method,
      ...(method === 'POST' && { headers: { 'content-type': 'application/json' }, body: '{"username": "root"}' }),
    });
    expect(answer.status).toBe(status);
    const { headers } = answer;
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('strict-transport-security')).toBeNull(); // RFC 6797, 7.2: never over plain HTTP
  });

  it.each([
    '/',
    '/docs',
  ])('%s is framed by no other site, and keeps its policy when it is asked for again', async (path) => {
    const headers = { accept: 'text/html' };
    const page = await fetch(edge.url + path, { headers });
    const policy = page.headers.get('content-security-policy');
    expect(policy).toMatch(/style-src .*frame-ancestors 'none'/);
    const again = await fetch(edge.url + path, {
      headers: { ...headers, 'if-none-match': page.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
    expect(again.headers.get('content-security-policy')).toBe(policy);
  });

  it('over TLS tells browsers to stay with it', async () => {
    const worker = await edge.runtime.getWorker('vigia');
    const answer = await worker.fetch('https://127.0.0.1/health');
    expect(answer.headers.get('strict-transport-security')).toMatch(/^max-age=31536000/);
    await answer.body?.cancel();
  });

  it('shares with no origin, not even where a preflight asks', async () => {
    const answer = await fetch(`${edge.url}/stats`, {
      method: 'OPTIONS',
      headers: { origin: EVIL, 'access-control-request-method': 'GET' },
    });
    expect(answer.status).toBe(405);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('an edge with a listed origin', () => {
  let edge: TestEdge;
  let authorization: string;
  beforeAll(async () => {
    edge = await testEdge({ TOKEN_KEY: KEY, CORS_ORIGINS: `${LISTED} http://localhost:3000` });
    authorization = `Bearer ${await new SignJWT({ scope: 'read' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('5 minutes')
      .sign(new TextEncoder().encode(KEY))}`;
  });
  afterAll(() => edge.remove());

  it('takes what a proxy passes on, with a token', async () => {
    const headers = { authorization, 'x-forwarded-for': '203.0.113.7', via: '1.1 proxy.example.com' };
    expect(await send(edge, 'GET', '/stats', headers)).toBe(200);
  });

  it.each([
    ['GET', '/stats', 200],
    ['GET', '/incidents/none.default', 404],
    ['POST', '/train', 403],
  ])('shares %s %s (%i) with it alone, and says on whom the answer depends', async (method, path, status) => {
    for (const origin of [LISTED, 'http://localhost:3000', EVIL, `${LISTED}.evil.example`, 'null']) {
      const answer = await fetch(`${edge.url}${path}`, { method, headers: { origin, authorization } });
      await answer.body?.cancel();
      expect(answer.status).toBe(status);
      const allowed = origin === LISTED || origin === 'http://localhost:3000';
      expect(answer.headers.get('access-control-allow-origin')).toBe(allowed ? origin : null);
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/);
    }
  });

  it('shows it what answers tell beside their bodies, and lets it ask whether anything has changed', async () => {
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${edge.url}/incidents`, { headers: { origin: LISTED, authorization, ...headers } });
    const whole = await ask({});
    await whole.body?.cancel();
    expect(listOf(whole, 'access-control-expose-headers')).toEqual(
      expect.arrayContaining(['ETag', 'Link', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate']),
    );
    const unchanged = await ask({ 'if-none-match': whole.headers.get('etag') ?? '' });
    expect(unchanged.status).toBe(304);
    expect(unchanged.headers.get('access-control-allow-origin')).toBe(LISTED);
    expect(listOf(unchanged, 'access-control-expose-headers')).toContain('ETag');
    expect(unchanged.headers.get('ratelimit')).toMatch(/^"token"/);
  });

  it('answers its preflight without a token, with what may be sent', async () => {
    const headers = { origin: LISTED, 'access-control-request-method': 'DELETE' };
    const answer = await fetch(`${edge.url}/incidents/x.default`, { method: 'OPTIONS', headers });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe(LISTED);
    const methods = new Set(apiOperations.map(({ method }) => method.toUpperCase()));
    expect(listOf(answer, 'access-control-allow-methods')).toEqual([...methods].sort());
    const sent = apiOperations.flatMap(({ parameters = [] }) => parameters.filter((one) => one.in === 'header'));
    const allowed = listOf(answer, 'access-control-allow-headers');
    expect(allowed).toEqual(expect.arrayContaining(sent.map(({ name }) => name)));
    expect(allowed).toEqual(
      expect.arrayContaining(['Authorization', 'Content-Encoding', 'Content-Type', 'If-None-Match']),
    );
    expect(answer.headers.get('vary')).toMatch(/Origin/);
    const other = await fetch(`${edge.url}/stats`, { method: 'OPTIONS', headers: { ...headers, origin: EVIL } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each([
    '*',
    'soc.example.com',
    'https://soc.example.com/',
    'null',
    'https://a.example/path',
    'file:///',
  ])('%s is no origin to list', (text) => expect(() => readOrigins(text)).toThrow(/CORS_ORIGINS/));
});
