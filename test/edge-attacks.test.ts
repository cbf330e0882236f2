/** What an attacker who reaches the edge, or holds one token of it, can do to a running one: as little as docs/security.md says. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeColumns } from '../contract/columns/encode.ts';
import { COLUMNS_MEDIA_TYPE } from '../contract/columns/format.ts';
import { SCOPES } from '../contract/token.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const KEY = 'k'.repeat(48);

const docs = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');

let edge: TestEdge;
beforeAll(async () => {
  edge = await testEdge({ TOKEN_KEY: KEY, RATE_LIMIT_PER_TOKEN: '0' });
});
afterAll(() => edge.remove());

async function bearer(claims: Record<string, unknown>): Promise<{ authorization: string }> {
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('10 minutes')
    .sign(new TextEncoder().encode(KEY));
  return { authorization: `Bearer ${token}` };
}

/** Of the tests in a file as they stand there, without those of the groups around them. */
function titlesOf(file: string): string[] {
  const source = readFileSync(join(ROOT, 'test', `${file}.test.ts`), 'utf8');
  const calls = source.matchAll(/(?:\bit|\]|\)|`)\(\s*(['"])((?:(?!\1).)+)\1,\s/g);
  return [...calls].map(([, , title = '']) => title);
}

describe('who may do what', () => {
  /** `| POST /detect | ingest |` of docs/security.md; `–`: everybody. */
  const table = [...docs.matchAll(/^\| `([A-Z, ]+) (\/\S*)` \| (\S+) \|/gm)].flatMap(
    ([, methods = '', path = '', scope = '']) => methods.split(', ').map((method) => ({ method, path, scope })),
  );

  it('stands in docs/security.md for every route that there is', () => {
    const source = readFileSync(join(ROOT, 'functions/detect/index.ts'), 'utf8');
    const routes = [
      ...source.matchAll(
        /^(?:app|api)\.(get|post|patch|delete|on)\((?:\[([^\]]+)\], )?'([^']+)', (?:asks\('(\w+)'\))?/gm,
      ),
    ].flatMap(([, verb = '', listed, path = '', scope = '–']) =>
      (listed?.replaceAll(/[' ]/g, '').split(',') ?? [verb.toUpperCase()]).map((method) => ({ method, path, scope })),
    );
    expect(routes.length).toBeGreaterThan(14);
    const sorted = (list: object[]): string[] => list.map((route) => JSON.stringify(route)).sort();
    expect(sorted(table)).toEqual(sorted(routes));
  });

  it('and every threat there names tests that exist', () => {
    const rows = docs.split('\n').filter((line) => /^\|(?! asset \|)(?:[^|]*\|){5}$/.test(line) && line.includes('`'));
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) {
      const shown = [...(row.split('|')[5] ?? '').matchAll(/`([a-z0-9-]+): ([^`]+)`/g)];
      expect(shown.length, row).toBeGreaterThan(0);
      for (const [, file = '', title = ''] of shown) expect(titlesOf(file), file).toContain(title);
    }
  });

  it.each(table)('$method $path: $scope', async ({ method, path, scope }) => {
    const url = `${edge.url}${path.replace(':id', 'none.default').replace(':message', 'none')}`;
    const ask = async (headers: Record<string, string>): Promise<number> => {
      const answer = await fetch(url, { method, headers });
      await answer.body?.cancel();
      return answer.status;
    };
    const open = scope === '–';
    expect(await ask({})).toBe(open ? 200 : 401);
    expect(await ask(await bearer({ scope: '' }))).toBe(open ? 200 : 403);
    for (const held of SCOPES) {
      const status = await ask(await bearer({ scope: held }));
      if (open || held === scope || held === 'admin') expect([401, 403]).not.toContain(status);
      else expect(status).toBe(403);
    }
  });
});

describe('a host with a token of its own', () => {
  const own = { host: 'web-2', group: 'web' };

  it.each([
    ['a window', (foreign: object) => ({ windows: [quietWindow(own), foreign] })],
    ['a context', (foreign: object) => ({ windows: [quietWindow(own)], context: [foreign] })],
  ])('cannot speak for another in %s', async (_, body) => {
    const headers = await bearer({ scope: 'ingest', ...own });
    for (const foreign of [
      { host: 'web-1', group: 'web' },
      { host: 'web-2', group: 'db' },
      { host: 'WEB-2', group: 'web' },
    ])
      expect((await edge.post('/detect', body(quietWindow(foreign)), headers)).status).toBe(403);
    const { host: _host, ...nameless } = quietWindow(own);
    expect((await edge.post('/detect', body(nameless), headers)).status).toBe(400);
  });

  it('cannot in a line of NDJSON, in an auth window, or by a second member of the same name', async () => {
    const headers = { ...(await bearer({ scope: 'ingest', ...own })), 'content-type': 'application/x-ndjson' };
    const { interface: _, ...identity } = quietWindow({ host: 'web-1', group: 'web' });
    const lines = [
      JSON.stringify(quietWindow({ host: 'web-1', group: 'web' })),
      JSON.stringify({ ...identity, total_attempts: 5 }),
      JSON.stringify(quietWindow(own)).replace('"host":"web-2"', '"host":"web-2","host":"web-1"'),
    ];
    for (const line of lines) expect((await edge.post('/detect', line, headers)).status).toBe(403);
  });

  it('cannot by columns, neither for another host nor for another group', async () => {
    const headers = { ...(await bearer({ scope: 'ingest', ...own })), 'content-type': COLUMNS_MEDIA_TYPE };
    const post = (...posted: Parameters<typeof encodeColumns>): Promise<Response> =>
      edge.post('/detect', encodeColumns(...posted), headers);
    const mine = Array.from({ length: 30 }, () => quietWindow(own));
    expect((await post(mine, [quietWindow(own)])).status).toBe(200);
    for (const foreign of [
      { host: 'web-1', group: 'web' },
      { host: 'web-2', group: 'db' },
    ]) {
      const { interface: _, ...identity } = quietWindow(foreign);
      for (const window of [quietWindow(foreign), { ...identity, total_attempts: 5, failed_attempts: 5 }]) {
        const answer = await post([...mine.map(() => quietWindow(own)), window], []);
        expect(answer.status).toBe(403);
        expect(await answer.json()).toMatchObject({ errors: [{ path: expect.stringMatching(/^windows\[30\]\./) }] });
      }
      expect(
        (
          await post(
            mine.map(() => quietWindow(own)),
            [quietWindow(foreign)],
          )
        ).status,
      ).toBe(403);
    }
  });

  it('cannot hide the alert of another by using the ids of its windows first', async () => {
    const theirs = scanWindow('192.0.2.66', { host: 'web-1', group: 'web' });
    const mine = scanWindow('198.51.100.1', { ...own, id: theirs.id });
    for (const key of ['', 'same-key'])
      await edge.detect([mine], { ...(await bearer({ scope: 'ingest', ...own })), 'idempotency-key': key });
    const answered = await edge.detect([theirs], {
      ...(await bearer({ scope: 'ingest', host: 'web-1', group: 'web' })),
      'idempotency-key': 'same-key',
    });
    expect(answered[0]?.attacking_ips).toEqual(['192.0.2.66']);
    const listed = await fetch(`${edge.url}/incidents?group=web`, { headers: await bearer({ scope: 'read' }) });
    const { incidents } = (await listed.json()) as { incidents: { host: string }[] };
    expect(incidents.map(({ host }) => host).sort()).toEqual(['web-1', 'web-2']);
  });
});

describe('what is written into headers and logs', () => {
  /** Bytes as they are, since no client would send them. */
  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(edge.url).port), '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
      });
      socket.on('end', () => resolve(answer)).on('error', reject);
      socket.setTimeout(3_000, () => resolve(answer));
    });

  it('never begins a header or a line of its own', async () => {
    const injected = 'x%0d%0aset-cookie:%20a=1%0d%0a%0d%0a{"level":"error","event":"forged"}';
    const { authorization } = await bearer({ scope: 'admin' });
    for (const path of [
      `/${injected}`,
      `/incidents/${injected}`,
      `/stats?group=${injected}`,
      `/incidents?host=${injected}`,
    ]) {
      const answer = await fetch(`${edge.url}${path}`, { headers: { authorization } });
      expect(answer.status).toBeLessThan(500);
      expect(answer.headers.get('set-cookie')).toBeNull();
      await answer.body?.cancel();
    }
    const forged = 'a\r\n{"level":"error","event":"forged"}\u2028\u001b[2J';
    for (const field of ['id', 'host', 'group', 'interface', 'start']) {
      const answer = await edge.post(
        '/detect',
        { windows: [{ ...quietWindow(), [field]: forged }] },
        { authorization },
      );
      expect(answer.status).toBe(400);
    }
    await edge.post('/classify_username', { username: forged }, { authorization });
    for (const line of edge.logs) expect(JSON.parse(line)).not.toMatchObject({ event: 'forged' });
  });

  it('is not taken from a broken head of a request', async () => {
    for (const head of ['x: a\rb', 'x: a\0b', ': empty', 'x y: z', 'content-length: 5\r\ncontent-length: 6'])
      expect(await raw(`GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${head}\r\n\r\n`)).not.toMatch(
        /^HTTP\/1.1 5/,
      );
    expect((await fetch(`${edge.url}/health`)).status).toBe(200);
  });

  it('no member that every object has reaches a prototype', async () => {
    const { authorization } = await bearer({ scope: 'admin' });
    const window = JSON.stringify(quietWindow()).slice(1, -1);
    for (const body of [
      `{"windows": [{${window}, "__proto__": {"threat_detected": true}, "constructor": {"prototype": {"x": 1}}}]}`,
      `{"__proto__": {"windows": []}, "packets_per_second": 1}`,
      `{"windows": [{${window}}], "__proto__": {"context": 5}}`,
    ]) {
      const answer = await edge.post('/detect', body, { authorization });
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('"threat_detected":false');
    }
    const groups = ['constructor', 'hasownproperty', 'tostring'];
    for (const group of groups) await edge.detect([scanWindow('192.0.2.9', { group, host: group })], { authorization });
    const page = await (await fetch(`${edge.url}/metrics`, { headers: { authorization } })).text();
    for (const group of groups) expect(page).toContain(`ml_detector_windows_total{group="${group}"} 1`);
  });
});

it('300 requests of random methods, paths, headers and bodies, none answered with a 5xx', async () => {
  const authorization = (await bearer({ scope: 'admin' })).authorization;
  const header = fc.constantFrom(
    'content-encoding',
    'idempotency-key',
    'origin',
    'mf-cf-blob',
    'x-forwarded-for',
    'accept',
  );
  const value = fc.string({ unit: fc.constantFrom(...'abz019 ,;"{}\\/%'), maxLength: 40 });
  const asked = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'),
    path: fc.oneof(
      fc.webPath(),
      fc.constantFrom(
        '/detect',
        '/incidents',
        '/incidents/x.default',
        '/stats',
        '/models/rollback',
        '/tokens/revoke',
        '/metrics',
      ),
    ),
    query: fc.webQueryParameters(),
    headers: fc.dictionary(header, value, { maxKeys: 3, noNullPrototype: true }),
    body: fc.oneof(fc.json(), fc.uint8Array({ maxLength: 200 })),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ method, path, query, headers, body }) => {
      const status = await new Promise<number>((resolve, reject) => {
        const length = String(Buffer.byteLength(body));
        const sent = { 'content-type': 'application/json', ...headers, authorization, 'content-length': length };
        const call = request(`${edge.url}${path}?${query}`, { method, headers: sent }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
        });
        call.on('error', reject).end(body);
      });
      expect(status).toBeLessThan(500);
    }),
    { numRuns: 300 },
  );
});

it('clients that send slowly are let go, and others are served meanwhile', async () => {
  const port = Number(new URL(edge.url).port);
  const { authorization } = await bearer({ scope: 'ingest' });
  const post = `POST /detect HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\n`;
  const slow = (head: string, drip: string): Promise<{ after_s: number; answer: string }> =>
    new Promise((resolve) => {
      const began = Date.now();
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(head));
      const timer = setInterval(() => socket.write(drip), 1_000);
      socket.on('data', (chunk) => {
        answer += chunk.toString();
        if (answer.includes(' 408 ')) socket.end();
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(timer);
        resolve({ after_s: (Date.now() - began) / 1000, answer });
      });
    });
  const many = <T>(make: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: 100 }, make));
  const all = Promise.all([
    many(() => slow('', '')),
    many(() => slow('GET /health HTTP/1.1\r\n', 'x: y\r\n')),
    many(() => slow(`${post}content-length: 1000\r\n\r\n`, ' ')),
    many(() => slow(`${post}transfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n`, '1\r\n\u001f\r\n')),
  ]);
  let slowest_ms = 0;
  for (let i = 0; i < 20; i++) {
    const began = Date.now();
    await edge.detect([quietWindow()], { authorization });
    slowest_ms = Math.max(slowest_ms, Date.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const [silent, heads, bodies, chunks] = await all;
  expect(slowest_ms).toBeLessThan(1_000);
  for (const { after_s } of [...silent, ...heads]) expect(after_s).toBeLessThan(20);
  for (const { after_s } of [...bodies, ...chunks]) expect(after_s).toBeLessThan(40);
  for (const { answer } of bodies) expect(answer).toMatch(/^HTTP\/1.1 408 /);
  for (const { answer } of chunks) expect(answer).toMatch(/^HTTP\/1.1 40[08] /);
}, 90_000);
