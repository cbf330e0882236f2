/**
 * Whatever comes from outside is read or refused, and never crashes, hangs or reaches into what is not its own: 220,000 cases
 * here, 20,000 model files in hostile-models.test.ts, and some hundred against workerd in bad-input.test.ts and edge-attacks.test.ts.
 */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAuthLine } from '../collector/auth/read-line.ts';
import { CaptureParser } from '../collector/capture/capture-parser.ts';
import { CaptureError, MAX_FRAME_BYTES } from '../collector/capture/frame.ts';
import { decodeRecord, encodeRecord, nextRecordAt } from '../collector/delivery/record.ts';
import { encodeColumns } from '../contract/columns/encode.ts';
import { COLUMNS_MEDIA_TYPE, PREFIX_BYTES, WINDOW_COLUMNS } from '../contract/columns/format.ts';
import { MAX_WINDOWS } from '../contract/detect-request.ts';
import { authenticate } from '../functions/detect/authenticate.ts';
import { isAuthWindow, isFlatObject, isNetworkWindow } from '../functions/detect/generated/validators.js';
import { readPromRequest } from '../functions/detect/prom/read-prom-request.ts';
import { readDetectRequest } from '../functions/detect/read-request.ts';
import { VerifiedTokens } from '../functions/detect/verified-tokens.ts';
import { HttpProblem } from '../functions/http/problem.ts';
import { writePcap, writePcapng } from './capture-writer.ts';
import { quietWindow, scanWindow } from './edge-fixture.ts';

let cases = 0;
let prototype: string[];
const shape = (): string[] => [Object.prototype, Array.prototype, String.prototype].flatMap(Object.getOwnPropertyNames);
beforeAll(() => {
  prototype = shape();
});
afterAll(() => {
  expect(shape()).toEqual(prototype); // no prototype was reached
  expect(cases).toBeGreaterThanOrEqual(220_000);
});

/** Runs so many cases; a case that takes a second is a failure. */
async function fuzz<T>(numRuns: number, arbitrary: fc.Arbitrary<T>, judge: (value: T) => unknown): Promise<void> {
  let slowest_ms = 0;
  await fc.assert(
    fc.asyncProperty(arbitrary, async (value) => {
      const began = performance.now();
      await judge(value);
      slowest_ms = Math.max(slowest_ms, performance.now() - began);
      cases++;
    }),
    { numRuns },
  );
  expect(slowest_ms).toBeLessThan(1_000);
}

const NASTY = [
  ['__proto__', '{"polluted": 1}'],
  ['constructor', '{"prototype": {"polluted": 1}}'],
  ['packets_per_second', '1e400'],
  ['bytes_per_second', '-1e400'],
  ['unique_ips', '123456789012345678901234567890'],
  ['tcp_ratio', '-0'],
  ['host', '"a\\r\\nset-cookie: x"'],
  ['host', '"../../../etc"'],
  ['group', '"__proto__"'],
  ['id', '"\\u0000"'],
  ['start', '"2026-13-45T99:99:99Z"'],
  ['sources', '[{"ip": "1.2.3.4", "packets": 1e999, "bytes": 1}]'],
  ['sources', '{"length": 1e9}'],
  ['toJSON', '1'],
  ['then', '{"then": 1}'],
] as const;

/** A window as text, with one member more, or replaced, or characters changed. */
const nearWindow = fc
  .record({
    window: fc.constantFrom(JSON.stringify(quietWindow()), JSON.stringify(scanWindow('192.0.2.1'))),
    nasty: fc.option(fc.constantFrom(...NASTY)),
    changes: fc.array(fc.record({ at: fc.nat(400), text: fc.string({ maxLength: 3 }) }), { maxLength: 3 }),
  })
  .map(({ window, nasty, changes }) => {
    let text =
      nasty === null ? window : `{"${nasty[0]}": ${nasty[1]}, ${window.slice(1, -1)}, "${nasty[0]}": ${nasty[1]}}`;
    for (const { at, text: changed } of changes) text = text.slice(0, at) + changed + text.slice(at + changed.length);
    return text;
  });

const nearBody = fc.oneof(
  { weight: 3, arbitrary: nearWindow.map((window) => `{"windows": [${window}]}`) },
  { weight: 2, arbitrary: nearWindow },
  fc.array(nearWindow, { maxLength: 4 }).map((windows) => windows.join('\n')),
  fc.json(),
  fc.string({ unit: 'binary' }),
);

/** Windows that leave no column out, one of them too odd for columns. */
const bulkBody = encodeColumns(
  [
    quietWindow({ jitter_ms: null, icmp_packets: 2 ** 53 }),
    scanWindow('192.0.2.1', {
      recent: { over_s: 60, bytes_in_per_second: 0.1, scanners: [{ ip: '2001:db8::1', unique_ports: 5 }] },
    }),
    quietWindow({ start: '2026-11-20T10:00:00+01:00' }),
    quietWindow(),
  ],
  [quietWindow()],
);
const bulkHeader = JSON.parse(
  Buffer.from(bulkBody).toString('utf8', PREFIX_BYTES, PREFIX_BYTES + Buffer.from(bulkBody).readUInt32LE()),
);
const bulkData = bulkBody.subarray(PREFIX_BYTES + Buffer.byteLength(JSON.stringify(bulkHeader)));

const hostileNumber = fc.constantFrom(-1, 0, 0.5, 10, 11, 255, 1e9, 2 ** 32, 2 ** 53, -0, 1e308, null);
const columnHead = fc.tuple(
  fc.constantFrom(...WINDOW_COLUMNS, 'address', '__proto__', 'constructor', 'not_known'),
  fc.oneof(hostileNumber, fc.constantFrom('u8', 'u16', 'u32', 'f32', 'f64', 'u64', '__proto__')),
);
const known: unknown[][] = [bulkHeader.columns, bulkHeader.sources, bulkHeader.scanners];
const columnHeads = fc.oneof(
  fc.array<unknown>(columnHead, { maxLength: 4 }),
  fc.tuple(columnHead, fc.constantFrom(...known)).map(([head, heads]) => [head, ...heads]),
);
const hostileHeader = fc
  .record(
    {
      format: fc.constantFrom(0, 2, '1'),
      ids: fc.oneof(
        fc.array(fc.string()),
        fc.nat(2500).map((n) => Array(n).fill('a')),
      ),
      context: hostileNumber,
      series: fc.array(fc.array(fc.string())),
      addresses: fc.array(fc.string()),
      columns: columnHeads,
      sources: columnHeads,
      scanners: columnHeads,
      rest: fc.array(fc.tuple(fc.nat(6), fc.jsonValue())),
      __proto__: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .map((changes) => ({ ...bulkHeader, ...changes }));

/** A bulk body with bytes changed, cut off or added; or with another header, of the right length or not. */
const nearBulkBody = fc
  .record({
    header: fc.option(hostileHeader, { freq: 2 }),
    data: fc.oneof(fc.constant(bulkData), fc.uint8Array({ maxLength: 64 })),
    lie: fc.constantFrom(0, 0, 0, 0, 1, -1, 2 ** 31),
    changes: fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { maxLength: 4 }),
    end: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -20, max: 20 })),
  })
  .map(({ header, data, lie, changes, end }) => {
    const text = Buffer.from(JSON.stringify(header ?? bulkHeader));
    const body = Buffer.alloc(Math.max(1, PREFIX_BYTES + text.length + data.length + end));
    if (body.length > PREFIX_BYTES) body.writeUInt32LE((text.length + lie) >>> 0);
    body.set(Buffer.concat([text, data]).subarray(0, Math.max(0, body.length - PREFIX_BYTES)), PREFIX_BYTES);
    for (const { at, byte } of changes) body[at % body.length] = byte;
    return body;
  });

/** A request refused with what the client can mend, or `read`. */
async function refusedOr(read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    expect(error.status).toBeGreaterThanOrEqual(400);
    expect(error.status).toBeLessThan(500);
  }
}

function compressed(encoding: string, body: string): Uint8Array<ArrayBuffer> {
  if (encoding === 'gzip') return new Uint8Array(gzipSync(body, { level: 1 }));
  return new Uint8Array(encoding === 'zstd' ? zstdCompressSync(body) : Buffer.from(body));
}

describe('requests', () => {
  it('30,000 bodies of /detect', async () => {
    const encoding = fc.constantFrom(
      ...['none', 'none', 'none', 'gzip', 'damaged gzip', 'claimed gzip', 'zstd', 'damaged zstd', 'claimed zstd'],
    );
    const type = fc.constantFrom('application/json', 'application/x-ndjson');
    await fuzz(30_000, fc.record({ body: nearBody, encoding, type, at: fc.nat() }), ({ body, encoding, type, at }) =>
      refusedOr(async () => {
        const [name = ''] = encoding.split(' ').reverse();
        const bytes = encoding.startsWith('claimed') ? new Uint8Array(Buffer.from(body)) : compressed(name, body);
        if (encoding.startsWith('damaged')) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ 0x40;
        const headers = { 'content-type': type, ...(name !== 'none' && { 'content-encoding': name }) };
        const request = new Request('http://x/detect', { method: 'POST', headers, body: bytes });
        const read = await readDetectRequest(request);
        const windows = read.kind === 'flat' ? [read.flat] : read.windows;
        expect(windows.length).toBeLessThanOrEqual(MAX_WINDOWS);
        for (const window of windows) {
          expect(Object.getPrototypeOf(window)).toBe(Object.prototype);
          for (const [name, value] of Object.entries(window)) {
            expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
            if (typeof value === 'number') expect(value).toBeGreaterThanOrEqual(0);
            if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
            if (typeof value === 'string') expect(value).not.toMatch(/[\p{Cc}/\\]/u);
          }
        }
      }),
    );
  });

  it('100,000 bulk bodies of /detect', async () => {
    await fuzz(100_000, nearBulkBody, (body) =>
      refusedOr(async () => {
        const headers = { 'content-type': COLUMNS_MEDIA_TYPE };
        const read = await readDetectRequest(new Request('http://x/detect', { method: 'POST', headers, body }));
        if (read.kind === 'flat') throw new TypeError('a bulk body was read as a flat object');
        expect(read.windows.length).toBeLessThanOrEqual(MAX_WINDOWS);
        expect(read.context.length).toBeLessThanOrEqual(MAX_WINDOWS);
        for (const window of [...read.windows, ...read.context]) {
          const stored = JSON.parse(JSON.stringify(window));
          if (!isNetworkWindow(stored) && !isAuthWindow(stored)) throw new TypeError(JSON.stringify(stored));
        }
      }),
    );
  });

  it('15,000 values for the validators, which never throw', async () => {
    const value = fc.oneof(fc.anything({ withNullPrototype: true, withBigInt: true, withMap: true }), fc.jsonValue());
    await fuzz(15_000, value, (given) => {
      for (const check of [isNetworkWindow, isAuthWindow, isFlatObject]) expect(typeof check(given)).toBe('boolean');
    });
  });

  it('5,000 queries and bodies of /detect/prom', async () => {
    const asked = fc.oneof(
      fc.record({ query: fc.webQueryParameters(), body: fc.constant(null) }),
      fc.record({ query: fc.constant(''), body: fc.json() }),
      fc.record({
        query: fc.constant('labels.__proto__=x&metrics.constructor=y&window=1e9h'),
        body: fc.constant(null),
      }),
    );
    await fuzz(5_000, asked, ({ query, body }) =>
      refusedOr(async () => {
        const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: body ?? '{}' };
        await readPromRequest(new Request(`http://x/detect/prom?${query}`, body === null ? {} : init));
      }),
    );
  });
});

describe('tokens', () => {
  it('10,000 forged or damaged ones open nothing', async () => {
    const key = new TextEncoder().encode('k'.repeat(48));
    const good = await new SignJWT({ scope: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('5 minutes')
      .sign(key);
    const [head = '', body = '', signature = ''] = good.split('.');
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const forged = fc.oneof(
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
      part.map((other) => `${other}.${body}.${signature}`),
      part.map((other) => `${head}.${other}.${signature}`),
      part.map((other) => `${head}.${body}.${other}`),
      fc.constantFrom('none', 'None', 'HS384', 'RS256', 'ES256').map((alg) => {
        const header = Buffer.from(JSON.stringify({ alg, jwk: { kty: 'oct', k: 'AA' } })).toString('base64url');
        return `${header}.${body}.`;
      }),
      fc.string({ unit: 'binary' }),
    );
    const scheme = fc.constantFrom('Bearer ', 'bearer ', 'Basic ', '', 'Bearer Bearer ');
    await fuzz(10_000, fc.tuple(scheme, forged), async ([before, token]) => {
      fc.pre(token !== good);
      const answer = authenticate(before + token, [key], async () => false, new VerifiedTokens());
      await expect(answer).rejects.toMatchObject({ name: 'HttpProblem', status: 401 });
    });
  });
});

describe('a collector', () => {
  it('20,000 damaged captures', async () => {
    const frames = [1, 2, 3].map((n) => ({ time_us: 1e15 + n, bytes: new Uint8Array(60).fill(n) }));
    const whole = fc.constantFrom(
      writePcap(frames),
      writePcap(frames, { little: false, nanoseconds: true }),
      writePcapng(
        [{ linkType: 1 }],
        frames.map((frame) => ({ ...frame, interface: 0, block: 'enhanced' as const })),
      ),
    );
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255) });
    const damaged = fc.record({
      whole,
      changes: fc.array(change, { maxLength: 6 }),
      chunk: fc.integer({ min: 1, max: 99 }),
    });
    await fuzz(20_000, damaged, ({ whole: sound, changes, chunk }) => {
      const bytes = new Uint8Array(sound);
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      const parser = new CaptureParser(({ start, end, data }) => {
        if (!(start >= 0 && start <= end && end <= data.length && end - start <= MAX_FRAME_BYTES))
          throw new RangeError(`a frame from ${start} to ${end} of ${data.length}`);
      });
      try {
        for (let at = 0; at < bytes.length; at += chunk) parser.push(bytes.subarray(at, at + chunk));
        parser.end();
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
      }
    });
  });

  it('30,000 lines of a log', async () => {
    const options = { now_ms: Date.UTC(2026, 10, 20), zone_offset_min: 0 };
    const words = fc.constantFrom(
      'Nov 20 10:00:00 web-1 ',
      '2026-11-20T10:00:00Z h ',
      '<34>1 2026-11-20T10:00:00Z h sshd 1 - [a b="c"] ',
      '<34>1 2026-11-20T10:00:00Z h sshd 1 - [a b="',
      'sshd[1]: ',
      'sudo: ',
      'constructor[1]: ',
      '__proto__: ',
      'Failed password for invalid user ',
      'message repeated 999999999 times: [ ',
      ' from 192.0.2.1 port 99999999999 ssh2',
      '\\',
      '"'.repeat(300),
      '[a '.repeat(300),
      '\u001b[2J\r\n\u0000',
    );
    await fuzz(30_000, fc.array(fc.oneof(words, fc.string({ unit: 'binary' })), { maxLength: 12 }), (parts) => {
      const { event } = readAuthLine(parts.join(''), options);
      if (event !== undefined) expect(Number.isSafeInteger(event.attempts)).toBe(true);
    });
  });

  it('10,000 damaged records of the spool', async () => {
    const record = encodeRecord(7, Buffer.from(JSON.stringify(quietWindow())));
    const other = encodeRecord(8, Buffer.from('{}'));
    await fuzz(
      10_000,
      fc.array(fc.record({ at: fc.nat(record.length - 1), bit: fc.nat(7) }), { maxLength: 4 }),
      (flips) => {
        const data = Buffer.concat([record, other]);
        for (const { at, bit } of flips) data[at] = (data[at] ?? 0) ^ (1 << bit);
        const read = decodeRecord(data, 0);
        if (read === null) expect(nextRecordAt(data, 0)).toBe(record.length);
        else expect(data.subarray(0, record.length).equals(record)).toBe(true);
      },
    );
  });
});
