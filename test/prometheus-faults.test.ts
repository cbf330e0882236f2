/** /detect/prom where the Prometheus that it asks is none, hangs or is away, or the question is no honest one. */
import type { RequestListener } from 'node:http';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestEdge, testEdge } from './edge-fixture.ts';
import { type LoopbackServer, serve } from './loopback-server.ts';

describe('a server that is not as it should be', () => {
  const key = 'a key of the tests, which is long enough';
  const wrong: [what: string, words: string, answer: RequestListener][] = [
    ['a page', 'is no Prometheus', (_, response) => response.setHeader('content-type', 'text/html').end('<html>')],
    ['a redirect', '(status 302)', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['too much', 'larger than', (_, response) => response.end('x'.repeat(2_000_000))],
    [
      'a refusal',
      'refused the query (bad_data): no',
      (_, response) => response.end(JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'no' })),
    ],
  ];

  let edge: TestEdge;
  let server: LoopbackServer;
  let answer: RequestListener = () => {};
  const seen: { url: string | undefined; authorization: string | undefined }[] = [];
  beforeAll(async () => {
    server = await serve((request, response) => {
      seen.push({ url: request.url, authorization: request.headers.authorization });
      answer(request, response);
    });
    edge = await testEdge({
      PROMETHEUS_URL: `http://me:p%40ss@${server.at}/below/`,
      PROM_METRIC_UNIQUE_IPS: 'mine{a="b"}',
      TOKEN_KEY: key,
    });
  });
  afterAll(async () => {
    await edge.remove();
    server.close();
  });

  const bearer = async (claims: object): Promise<Record<string, string>> => {
    const token = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1 hour');
    return { authorization: `Bearer ${await token.sign(new TextEncoder().encode(key))}` };
  };
  const ask = async (body: object): Promise<{ status: number; detail: string; type: string | null }> => {
    const response = await edge.post('/detect/prom', body, await bearer({ scope: 'read' }));
    const { detail } = (await response.json()) as { detail: string };
    return { status: response.status, detail, type: response.headers.get('content-type') };
  };

  it.each(wrong)('that answers with %s is told as such: %s', async (_, words, listener) => {
    answer = listener;
    const { status, detail, type } = await ask({});
    expect([status, type]).toEqual([502, 'application/problem+json']);
    expect(detail).toContain(words);
    expect(seen.at(-1)).toEqual({ url: '/below/api/v1/query', authorization: `Basic ${btoa('me:p@ss')}` });
  });

  it('that answers and never ends is given up', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"status":');
    };
    const began = performance.now();
    const { status, detail } = await ask({});
    expect(status).toBe(504);
    expect(detail).toContain('shorter "window"');
    expect(performance.now() - began).toBeLessThan(12_000);
  });

  it.each<[string, object]>([
    ['a name with PromQL in it', { metrics: { unique_ips: 'a) or vector(1' } }],
    ['a name with a range', { metrics: { unique_ips: 'a[1y]' } }],
    ['a regular expression', { metrics: { unique_ips: 'a{b=~".*"}' } }],
    ['a label that ends its quotes', { labels: { device: 'eth0"} or vector(1) or x{y="' } }],
    ['a label name with an operator', { labels: { 'a=~"x",b': 'y' } }],
    ["Prometheus' own label", { labels: { __name__: 'up' } }],
    ['an instance with a backslash', { instance: 'web-1\\' }],
    ['a window that is an expression', { window: '1m] offset 1d' }],
    ['a window of a year', { window: '8760h' }],
    ['a feature that is none', { metrics: { shoe_size: 'a' } }],
    ['five terms', { metrics: { unique_ips: 'a + b + c + d + e' } }],
    ['another preset', { preset: 'statsd' }],
  ])('is never asked with %s', async (_, body) => {
    const before = seen.length;
    const { status, type } = await ask(body);
    expect([status, type]).toEqual([400, 'application/problem+json']);
    expect(seen).toHaveLength(before);
  });

  it('and a body cannot choose it', async () => {
    const other = await serve((_, response) => response.end('{}'));
    const asked = seen.length;
    answer = (_, response) => response.writeHead(500).end();
    await ask({ url: other.url, PROMETHEUS_URL: other.url, prometheus: other.url });
    expect(seen).toHaveLength(asked + 1);
    other.close();
  });

  it('is asked for nobody whose token is of one host or group, or has no scope read', async () => {
    const before = seen.length;
    for (const claims of [{ scope: 'ingest' }, { scope: 'read', group: 'web' }, { scope: 'read', host: 'web-1' }])
      expect((await edge.post('/detect/prom', {}, await bearer(claims))).status).toBe(403);
    expect(seen).toHaveLength(before);
  });

  it('that is away is told so; and without PROMETHEUS_URL there is none', async () => {
    server.close();
    const away = await ask({});
    expect(away.status).toBe(502);
    expect(away.detail).toContain('PROMETHEUS_URL');
    expect(edge.logs.join()).not.toContain('p%40ss');
  });
});

it('a metric that is set wrongly is told by /health', async () => {
  const edge = await testEdge({ PROM_METRIC_UNIQUE_IPS: 'a) or vector(1' });
  try {
    const health = await fetch(`${edge.url}/health`);
    expect(health.status).toBe(503);
    expect(((await health.json()) as { detail: string }).detail).toContain(
      'PROM_METRIC_UNIQUE_IPS: must be a metric name',
    );
  } finally {
    await edge.remove();
  }
});
