/** Bad input gets problem+json that names the field, never a 500, and nothing of it is kept. */
import { readFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedWindows } from '../cli/edge/stored-windows.ts';
import { workerdChildren } from '../cli/edge/watchdog.ts';
import { type Problem, problem } from '../contract/problem.ts';
import { quietWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { BLOCK_BYTES, claimOf, raw, spaces, windowOf, zstdFrame } from './zstd-frame.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await testEdge();
});
afterAll(() => edge.remove());

async function refused(answer: Response): Promise<Problem> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const parsed = problem.parse(await answer.json());
  expect(parsed.status).toBe(answer.status);
  return parsed;
}

const batch = (...windows: unknown[]): { windows: unknown[] } => ({ windows });

describe('a wrong field is named by its path', () => {
  it.each([
    ['a string for a number', { packets_per_second: '80' }, 'packets_per_second'],
    ['a negative number', { unique_ports: -1 }, 'unique_ports'],
    ['a ratio above one', { tcp_ratio: 1.5 }, 'tcp_ratio'],
    ['a list for a number', { bytes_per_second: [1] }, 'bytes_per_second'],
    ['a source without an address', { sources: [{ packets: 1, bytes: 1 }] }, 'sources[0].ip'],
    ['an unknown user name type', { username_type: 'robot' }, 'username_type'],
  ])('flat: %s', async (_, body, path) => {
    const answer = await edge.post('/detect', body);
    expect(answer.status).toBe(400);
    expect((await refused(answer)).errors?.map((error) => error.path)).toContain(path);
  });

  it('1e999, which JSON reads as infinite', async () => {
    const answer = await edge.post('/detect', '{"packets_per_second": 1e999}');
    expect((await refused(answer)).errors?.[0]?.path).toBe('packets_per_second');
  });

  it.each([
    ['start', { start: 'yesterday' }],
    ['id', { id: '../../etc/passwd' }],
    ['group', { group: 'Übung' }],
    ['duration_s', { duration_s: 0 }],
    [
      'sources[1].bytes',
      {
        sources: [
          { ip: '192.0.2.1', packets: 1, bytes: 1 },
          { ip: '192.0.2.2', packets: 1, bytes: null },
        ],
      },
    ],
  ])('in a batch, with the index of the window: %s', async (path, fields) => {
    const answer = await edge.post('/detect', batch(quietWindow(), { ...quietWindow(), ...fields }));
    expect(answer.status).toBe(400);
    expect((await refused(answer)).errors?.map((error) => error.path)).toContain(`windows[1].${path}`);
  });

  it('in an auth window, by the auth schema', async () => {
    const { interface: _, ...window } = { ...quietWindow(), total_attempts: -5 };
    const answer = await edge.post('/detect', batch(window));
    expect((await refused(answer)).errors?.[0]?.path).toBe('windows[0].total_attempts');
  });

  it('in the context', async () => {
    const answer = await edge.post('/detect', { windows: [quietWindow()], context: [{ ...quietWindow(), start: 5 }] });
    expect((await refused(answer)).errors?.[0]?.path).toBe('context[0].start');
  });

  it('on a line of NDJSON', async () => {
    const body = `${JSON.stringify(quietWindow())}\n{"broken\n`;
    const answer = await edge.post('/detect', body, { 'content-type': 'application/x-ndjson' });
    expect((await refused(answer)).errors?.[0]?.path).toBe('windows[1] (line 2)');
  });
});

describe('a body that is no request', () => {
  it.each<[string, number, string | Uint8Array, Record<string, string>]>([
    ['nothing', 400, '', {}],
    ['no JSON', 400, '{"packets_per_second": ', {}],
    ['a number', 400, '5', {}],
    ['null', 400, 'null', {}],
    ['a list', 400, '[]', {}],
    ['an empty object', 400, '{}', {}],
    ['windows that are no list', 400, '{"windows": 5}', {}],
    ['no windows', 400, '{"windows": []}', {}],
    ['a window that is null', 400, '{"windows": [null]}', {}],
    ['broken UTF-8', 400, new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), {}],
    ['no gzip, said to be gzip', 400, '{"packets_per_second": 1}', { 'content-encoding': 'gzip' }],
    ['cut gzip', 400, gzipSync('{"packets_per_second": 1}').subarray(0, 20), { 'content-encoding': 'gzip' }],
    ['brotli', 415, 'x', { 'content-encoding': 'br' }],
    ['a form', 415, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['XML', 415, '<a/>', { 'content-type': 'text/xml' }],
    ['100,000 brackets', 400, '['.repeat(100_000), {}],
    [
      'deep lists in an unknown field',
      400,
      `{"packets_per_second": 1, "x": ${'['.repeat(5000)}${']'.repeat(5000)}}`,
      {},
    ],
    ['deep objects for a number', 400, `{"packets_per_second": ${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`, {}],
    ['2 MiB', 413, ' '.repeat(2 * 1024 * 1024), {}],
    ['a gzip bomb', 413, gzipSync(Buffer.alloc(200 * 1024 * 1024, 0x20)), { 'content-encoding': 'gzip' }],
  ])('%s → %i', async (_, status, body, headers) => {
    const answer = await edge.post('/detect', body, headers);
    expect(answer.status).toBe(status);
    await refused(answer);
  });

  it('1,001 windows → 413', async () => {
    const answer = await edge.post('/detect', { windows: Array(1001).fill({}) });
    expect(answer.status).toBe(413);
    await refused(answer);
  });

  it('10,000 lines of NDJSON → 413', async () => {
    const answer = await edge.post('/detect', '{}\n'.repeat(10_000), { 'content-type': 'application/x-ndjson' });
    expect(answer.status).toBe(413);
    await refused(answer);
  });
});

describe('zstd', () => {
  const FLAT = '{"packets_per_second": 1}';
  /** 1 GiB in 32 KiB. */
  const BOMB = zstdFrame(windowOf(17), spaces(2 ** 30 / BLOCK_BYTES));
  const zstd = { 'content-encoding': 'zstd' };
  const send = (body: Uint8Array): Promise<Response> => edge.post('/detect', body, zstd);

  it.each<[string, number, Uint8Array]>([
    ['1 GiB in 32 KiB', 413, BOMB],
    ['1 MiB and one block more', 413, zstdFrame(windowOf(17), spaces(9))],
    ['a window of 9 MiB', 400, zstdFrame(windowOf(23, 1), raw(FLAT))],
    ['a window of 2 TiB', 400, zstdFrame(windowOf(41), raw(FLAT))],
    ['content of 1 GiB, which it claims and has not', 400, zstdFrame(claimOf(2n ** 30n), raw(FLAT))],
    ['content of 16 EiB', 400, zstdFrame(claimOf(2n ** 64n - 1n), raw(FLAT))],
    ['a frame that is cut', 400, zstdCompressSync(FLAT).subarray(0, -3)],
    ['a magic number alone', 400, zstdCompressSync(FLAT).subarray(0, 4)],
    ['no zstd', 400, Buffer.from(FLAT)],
    ['gzip', 400, gzipSync(FLAT)],
  ])('%s → %i', async (_, status, body) => {
    const answer = await send(body);
    expect(answer.status).toBe(status);
    await refused(answer);
  });

  it('of the largest window that a sender may ask for is read', async () => {
    expect(zstdDecompressSync(zstdFrame(windowOf(17), spaces(9)))).toHaveLength(9 * BLOCK_BYTES);
    expect((await send(zstdFrame(windowOf(23), raw(FLAT)))).status).toBe(200);
  });

  it('bombs, twenty at once and again, take no memory to speak of', async () => {
    const peak_MiB = (): number =>
      Math.max(
        ...workerdChildren().map(
          (pid) => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
        ),
      );
    const before = peak_MiB();
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => send(BOMB)));
      for (const answer of answers) expect(answer.status).toBe(413);
    }
    expect(peak_MiB() - before).toBeLessThan(200);
  });
});

describe('routes', () => {
  it.each([
    ['GET', '/nowhere', 404],
    ['GET', '/detect', 405],
    ['DELETE', '/incidents/x', 405],
    ['GET', '/incidents/nobody', 404],
    ['GET', '/incidents/abc.default', 404],
    ['GET', '/incidents?limit=-1', 400],
    ['GET', '/stats?group=../x', 400],
    ['PATCH', '/incidents/abc.default', 415],
    ['POST', '/models/rollback', 409],
  ])('%s %s → %i', async (method, path, status) => {
    const answer = await fetch(`${edge.url}${path}`, { method });
    expect(answer.status).toBe(status);
    await refused(answer);
  });

  it('a 405 names the methods that are allowed', async () => {
    expect((await fetch(`${edge.url}/detect`, { method: 'PUT' })).headers.get('allow')).toBe('POST');
  });
});

it('nothing of a refused batch is stored', async () => {
  const group = 'refused';
  await edge.post('/detect', batch(quietWindow({ group }), { ...quietWindow({ group }), start: 'x' }));
  expect(await storedWindows(edge.runtime, group)).toEqual([]);
});

it('unknown fields are ignored, counted and not stored', async () => {
  const group = 'unknown';
  const window = { ...quietWindow({ group }), colour: 'red', nested: { a: [1] } };
  expect((await edge.post('/detect', { windows: [window], surprise: 1 })).status).toBe(200);
  const [stored] = await storedWindows(edge.runtime, group);
  expect(stored).not.toHaveProperty('colour');
  const stats = (await (await fetch(`${edge.url}/stats?group=${group}`)).json()) as { unknown_fields_total: number };
  expect(stats.unknown_fields_total).toBe(3);
});

it('no JSON at all makes it answer with a 5xx', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.json(),
        fc.json().map((text) => `{"windows": [${text}]}`),
      ),
      async (body) => {
        const answer = await edge.post('/detect', body);
        expect(answer.status).toBeLessThan(500);
        await answer.body?.cancel();
      },
    ),
    { numRuns: 200 },
  );
});
