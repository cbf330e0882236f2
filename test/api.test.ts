/** The manners of the API: versioned paths, pages, ETags, compression, methods, and its own description. */
import { readFileSync } from 'node:fs';
import { get, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOCUMENT_FILE, generateDocs, PAGE_FILE } from '../cli/openapi/generate.ts';
import { apiClient } from '../contract/client.ts';
import { MAX_BODY_BYTES } from '../contract/detect-request.ts';
import { apiOperations } from './api-document.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await testEdge();
  await edge.detect(Array.from({ length: 5 }, (_, i) => scanWindow(`192.0.2.${i}`, { host: `web-${i}` })));
});
afterAll(() => edge?.remove());

/** As it comes over the wire: fetch would decompress it. */
async function raw(
  path: string,
  headers: IncomingHttpHeaders,
): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ headers: IncomingHttpHeaders; body: Buffer }>();
  get(`${edge.url}${path}`, { headers }, (answer) => {
    buffer(answer).then((body) => resolve({ headers: answer.headers, body }), reject);
  }).on('error', reject);
  return promise;
}

describe('the description', () => {
  it('is what the schemas say: else run node cli/openapi/generate.ts', () => {
    const { document, page } = generateDocs();
    expect(readFileSync(DOCUMENT_FILE, 'utf8') === document).toBe(true);
    expect(readFileSync(PAGE_FILE, 'utf8') === page).toBe(true);
  });

  it('knows every route that is served, and no other', async () => {
    const { routes } = (await (await fetch(edge.url)).json()) as { routes: string[] };
    const served = routes
      .map((route) => route.split(' /'))
      .flatMap(([methods = '', path]) => methods.split(', ').map((method) => `${method} /${path}`));
    const documented = apiOperations.map(({ method, path }) => `${method} /v1${path.replace(/\{(\w+)\}/g, ':$1')}`);
    const ownOfTheHost = ['GET /', 'GET /openapi.json', 'GET /docs'];
    expect(served.sort()).toEqual([...documented, ...ownOfTheHost].sort());
  });

  it('is served, and a page of it that loads nothing from elsewhere', async () => {
    expect(await (await fetch(`${edge.url}/openapi.json`)).json()).toMatchObject({ openapi: '3.1.1' });
    const answer = await fetch(`${edge.url}/docs`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    const page = await answer.text();
    for (const { operationId } of apiOperations) expect(page).toContain(`<section id="${operationId}">`);
    expect(page).not.toMatch(/<script|<link|<img|src=|@import|url\(/i);
  });
});

describe('paths', () => {
  it('stand with the version and without, and both are counted as one', async () => {
    const body = { packets_per_second: 1200, unique_ports: 50 };
    const [versioned, plain] = await Promise.all(['/v1/detect', '/detect'].map((path) => edge.post(path, body)));
    expect(await versioned?.json()).toEqual(await plain?.json());
    const page = await (await fetch(`${edge.url}/v1/metrics`)).text();
    expect(page).toMatch(/^ml_detector_requests_total\{route="\/detect",status="2xx"\} 3$/m);
    expect(page).toMatch(/^ml_detector_processing_seconds_count 3$/m);
  });

  it.each([
    ['DELETE', '/v1/incidents', 405, 'GET, HEAD'],
    ['PUT', '/v1/detect/prom', 405, 'GET, POST, HEAD'],
    ['GET', '/detect', 405, 'POST'],
    ['POST', '/openapi.json', 405, 'GET, HEAD'],
    ['GET', '/openapiXjson', 404, null],
    ['GET', '/v2/health', 404, null],
    ['PATCH', '/v1/incidents/', 404, null],
  ])('%s %s is a problem %d that names what is allowed', async (method, path, status, allow) => {
    const answer = await fetch(`${edge.url}${path}`, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('allow')).toBe(allow);
    expect(await answer.json()).toMatchObject({ status });
  });
});

describe('pages', () => {
  it('lead through a list once, by next and by Link', async () => {
    const call = apiClient({ url: edge.url });
    const hosts: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await call('GET /incidents', { query: { limit: 2, cursor } });
      hosts.push(...page.incidents.map(({ host }) => host));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    expect(hosts.toSorted()).toEqual(['web-0', 'web-1', 'web-2', 'web-3', 'web-4']);

    const followed: unknown[] = [];
    for (let link: string | undefined = '/v1/incidents?limit=2'; link !== undefined; ) {
      const answer: Response = await fetch(`${edge.url}${link}`);
      followed.push(...((await answer.json()) as { incidents: unknown[] }).incidents);
      link = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    expect(followed).toHaveLength(5);
  });

  it('of revoked tokens go from the latest to the first', async () => {
    const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(32));
    for (const id of ids) expect((await edge.post('/v1/tokens/revoke', { id })).status).toBe(200);
    const call = apiClient({ url: edge.url });
    const first = await call('GET /tokens/revoked', { query: { limit: 2 } });
    const rest = await call('GET /tokens/revoked', { query: { limit: 2, cursor: first.next ?? undefined } });
    expect([...first.revoked, ...rest.revoked].map(({ id }) => id)).toEqual(ids.toReversed());
    expect(rest.next).toBeNull();
  });

  it.each([
    '/incidents?limit=0',
    '/incidents?limit=501',
    '/incidents?limit=ten',
    '/models?limit=51',
    '/models?cursor=x',
  ])('%s is refused, with the parameter', async (path) => {
    const answer = await fetch(`${edge.url}/v1${path}`);
    expect(answer.status).toBe(400);
    const parameter = /\?(\w+)=/.exec(path)?.[1];
    expect(await answer.json()).toMatchObject({ errors: [{ path: parameter }] });
  });
});

describe('what has not changed', () => {
  it.each(['/v1/incidents', '/v1/models', '/openapi.json', '/docs'])('%s is not sent again', async (path) => {
    const etag = (await fetch(`${edge.url}${path}`)).headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"[0-9a-f]+"$/);
    const again = await fetch(`${edge.url}${path}`, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const other = await fetch(`${edge.url}${path}`, { headers: { 'if-none-match': 'W/"0"' } });
    expect(other.status).toBe(200);
  });

  it('has another ETag once it has', async () => {
    const etagOf = async (): Promise<string | null> =>
      (await fetch(`${edge.url}/v1/incidents?group=e`)).headers.get('etag');
    const before = await etagOf();
    await edge.detect([scanWindow('192.0.2.9', { group: 'e' })]);
    expect(await etagOf()).not.toBe(before);
  });
});

describe('compression', () => {
  it.each([
    ['gzip', 'gzip', gunzipSync],
    ['zstd', 'zstd', zstdDecompressSync],
    ['gzip;q=0.5, zstd', 'zstd', zstdDecompressSync],
    ['br', undefined, (body: Buffer) => body],
    ['zstd;q=0', undefined, (body: Buffer) => body],
  ])('an answer to Accept-Encoding: %s comes as %s', async (accepted, encoding, decompress) => {
    const plain = await raw('/openapi.json', {});
    const { headers, body } = await raw('/openapi.json', { 'accept-encoding': accepted });
    expect(headers['content-encoding']).toBe(encoding);
    expect(headers.vary).toMatch(/Accept-Encoding/i);
    expect(decompress(body).equals(plain.body)).toBe(true);
    if (encoding !== undefined) expect(body.length).toBeLessThan(plain.body.length / 4);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('a body may come as %s, and is bounded by what comes out of it', async (encoding, compress) => {
    const send = (text: string): Promise<Response> =>
      edge.post('/v1/detect', new Uint8Array(compress(text)), { 'content-encoding': encoding });
    expect((await send(JSON.stringify({ windows: [quietWindow()] }))).status).toBe(200);
    expect((await send(' '.repeat(MAX_BODY_BYTES + 1))).status).toBe(413);
    const broken = await edge.post('/v1/detect', 'no such thing', { 'content-encoding': encoding });
    expect(broken.status).toBe(400);
  });
});
