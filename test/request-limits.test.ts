/** How much a token and an address may ask, what they are told, and that no number of callers fills the memory. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problem } from '../contract/problem.ts';
import { clientAddress } from '../functions/detect/limits/client-address.ts';
import { readAddressSource, readQuotas } from '../functions/detect/limits/read-quotas.ts';
import { MAX_CALLERS, RequestLimits } from '../functions/detect/limits/request-limits.ts';
import { TokenBuckets } from '../functions/detect/limits/token-buckets.ts';
import { Tally } from '../functions/detect/metrics/tally.ts';
import { type TestEdge, testEdge } from './edge-fixture.ts';

describe('a bucket', () => {
  const quota = { perSecond: 2, burst: 3 };

  it('gives what it holds, then what flows in, and never more than fits', () => {
    const buckets = new TokenBuckets(10);
    const at = (now_ms: number): boolean => buckets.take('a', quota, now_ms).allowed;
    expect([at(0), at(0), at(0), at(0)]).toEqual([true, true, true, false]);
    expect([at(499), at(500), at(500)]).toEqual([false, true, false]);
    expect([1, 2, 3, 4].map(() => at(3_600_000))).toEqual([true, true, true, false]);
  });

  it('tells what is left and when more comes', () => {
    const buckets = new TokenBuckets(10);
    expect(buckets.take('a', quota, 0)).toEqual({ allowed: true, remaining: 2, full_s: 1, next_s: 0 });
    buckets.take('a', quota, 0);
    expect(buckets.take('a', quota, 0)).toEqual({ allowed: true, remaining: 0, full_s: 2, next_s: 1 });
    expect(buckets.take('b', quota, 0).remaining).toBe(2);
  });

  it('gains nothing where the clock is set back', () => {
    const buckets = new TokenBuckets(10);
    for (let i = 0; i < 3; i++) buckets.take('a', quota, 1_000_000);
    expect(buckets.take('a', quota, 0).allowed).toBe(false);
  });
});

/** Of what is reachable. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

describe('a million callers', () => {
  it('take no more memory than those that are remembered, and who was forgotten is counted', () => {
    const tally = new Tally();
    const limits = new RequestLimits(() => tally);
    const quotas = readQuotas({ RATE_LIMIT_PER_ADDRESS: '5' });
    const before = heapBytes();
    let now = 0;
    for (let i = 0; i < 1_000_000; i++) {
      now += 0.01;
      limits.take('address', `198.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, quotas, now);
    }
    expect(limits.callers('address')).toBe(MAX_CALLERS);
    expect(heapBytes() - before).toBeLessThan(8 * 1024 * 1024);
    const forgotten = tally.take()?.['']?.add['ml_detector_rate_limit_forgotten_total{limit="address"}'] ?? 0;
    expect(forgotten).toBeGreaterThan(900_000);
    expect(forgotten).toBeLessThanOrEqual(1_000_000 - MAX_CALLERS);
  });

  it('over a day count as forgotten none whose quota was whole again', () => {
    const tally = new Tally();
    const limits = new RequestLimits(() => tally, 100);
    for (let i = 0; i < 10_000; i++) limits.take('address', `a${i}`, readQuotas({}), i * 86);
    expect(limits.callers('address')).toBe(100);
    expect(tally.take()).toBeNull();
  });
});

describe('the address of a client', () => {
  const of = (value: string, header: string | null = 'x-forwarded-for', clientIp?: string): string | null =>
    clientAddress(
      { headers: new Headers({ 'x-forwarded-for': value, 'cf-connecting-ip': '192.0.2.66' }), cf: { clientIp } },
      { header, socket: clientIp !== undefined },
    );

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['10.0.0.1, 203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['unknown', null],
    ['', null],
    ['203.0.113.7:443', null],
  ])('%s is %s', (value, address) => expect(of(value)).toBe(address));

  it('is not what a client says where no header is trusted', () => expect(of('203.0.113.7', null)).toBeNull());

  it.each([
    ['203.0.113.8:50000', '203.0.113.8'],
    ['[::ffff:203.0.113.8]:50000', '203.0.113.8'],
    ['[2001:db8:1:3::9]:50000', '2001:db8:1:3::/64'],
    ['unix:/run/vigia.sock', null],
  ])('of the socket %s is %s, whatever the client says', (peer, address) =>
    expect(of('203.0.113.7', null, peer)).toBe(address));

  it('is the one that the proxy tells, and of who comes past the proxy the one of the socket', () => {
    expect(of('203.0.113.7', 'x-forwarded-for', '127.0.0.1:50000')).toBe('203.0.113.7');
    expect(of('', 'x-forwarded-for', '203.0.113.8:50000')).toBe('203.0.113.8');
  });

  it('stands in the header of Cloudflare there, and elsewhere only where a proxy is named', () => {
    expect(readAddressSource({})).toEqual({ header: 'cf-connecting-ip', socket: false });
    expect(readAddressSource({ SELF_HOSTED: 'true' })).toEqual({ header: null, socket: true });
    expect(readAddressSource({ EMBEDDED: 'true' })).toEqual({ header: null, socket: false });
    expect(readAddressSource({ EMBEDDED: 'true', SELF_HOSTED: 'true' })).toEqual({ header: null, socket: false });
    const named = { CLIENT_ADDRESS_HEADER: 'X-Forwarded-For' };
    expect(readAddressSource({ EMBEDDED: 'true', ...named })).toEqual({ header: 'x-forwarded-for', socket: false });
    expect(readAddressSource({ SELF_HOSTED: 'true', ...named })).toEqual({ header: 'x-forwarded-for', socket: true });
    expect(() => readAddressSource({ CLIENT_ADDRESS_HEADER: 'a b' })).toThrow(/CLIENT_ADDRESS_HEADER/);
  });
});

it('where tokens have no limit those that were let in are known, in bounded memory', () => {
  const tally = new Tally();
  const limits = new RequestLimits(() => tally, 2);
  const quotas = readQuotas({ RATE_LIMIT_PER_TOKEN: '0' });
  for (const token of ['a', 'b', 'b', 'c', 'b']) expect(limits.take('token', token, quotas, 0)).toBeNull();
  expect(['a', 'b', 'c', 'd'].map((token) => limits.knows('token', token))).toEqual([false, true, true, false]);
  expect(limits.callers('token')).toBe(2);
  expect(tally.take()).toBeNull();
});

it('the defaults never meet a collector that catches up after a day without the edge', () => {
  const { token, address } = readQuotas({});
  // docs/delivery.md: a live post every 2 s, and a backlog lane beside it.
  for (const quota of [token, address]) expect(quota?.perSecond).toBeGreaterThanOrEqual(50);
  expect(() => readQuotas({ RATE_LIMIT_PER_TOKEN: 'many' })).toThrow(/RATE_LIMIT_PER_TOKEN: must be a number/);
  expect(readQuotas({ RATE_LIMIT_PER_TOKEN: '0' }).token).toBeNull();
});

it('the defaults are those of docs/security.md', () => {
  const docs = readFileSync(join(import.meta.dirname, '../docs/security.md'), 'utf8');
  const documented = (name: string): number =>
    Number(new RegExp(`^\\| \`${name}\` \\| (\\d+) \\|`, 'm').exec(docs)?.[1]);
  expect(documented('RATE_LIMIT_FAILED_LOGINS')).toBe(60);
  expect(readQuotas({})).toEqual({
    token: { perSecond: documented('RATE_LIMIT_PER_TOKEN'), burst: 10 * documented('RATE_LIMIT_PER_TOKEN') },
    address: { perSecond: documented('RATE_LIMIT_PER_ADDRESS'), burst: 10 * documented('RATE_LIMIT_PER_ADDRESS') },
    failed_logins: { perSecond: 1, burst: 60 },
  });
});

describe('an edge', () => {
  const key = 'k'.repeat(48);
  let edge: TestEdge;
  let serial = 0;
  const token = async (scope = 'ingest read'): Promise<string> =>
    `Bearer ${await new SignJWT({ scope, serial: serial++ })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('5 minutes')
      .sign(new TextEncoder().encode(key))}`;
  const ask = (path: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${edge.url}${path}`, { headers });
  const statuses = async (count: number, headers: () => Record<string, string>, path = '/stats'): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < count; i++) {
      const answer = await ask(path, headers());
      await answer.body?.cancel();
      seen.push(answer.status);
    }
    return seen;
  };
  const count = (seen: number[], status: number): number => seen.filter((one) => one === status).length;

  beforeAll(async () => {
    edge = await testEdge({
      TOKEN_KEY: key,
      RATE_LIMIT_PER_TOKEN: '0.5', // 5 at once
      RATE_LIMIT_PER_ADDRESS: '2', // 20 at once
      RATE_LIMIT_FAILED_LOGINS: '6',
      CLIENT_ADDRESS_HEADER: 'X-Forwarded-For',
    });
  });
  afterAll(() => edge.remove());

  it('answers a token that asks too often with 429 and when to come again, and others go on', async () => {
    const [greedy, other] = [await token(), await token()];
    const first = await ask('/stats', { authorization: greedy });
    expect(first.headers.get('ratelimit-policy')).toBe('"token";q=5;w=10');
    expect(first.headers.get('ratelimit')).toBe('"token";r=4;t=2');
    expect(count(await statuses(8, () => ({ authorization: greedy })), 429)).toBeGreaterThanOrEqual(3);
    const refused = await ask('/stats', { authorization: greedy });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused.headers.get('ratelimit')).toMatch(/^"token";r=0;t=\d+$/);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(problem.parse(await refused.json())).toMatchObject({
      status: 429,
      title: 'Too many requests',
      detail: expect.stringContaining('RATE_LIMIT_PER_TOKEN'),
    });
    expect((await ask('/stats', { authorization: other })).status).toBe(200);
  });

  it('answers an address that asks too often with 429, on open routes too, and other addresses go on', async () => {
    const from = (address: string) => () => ({ 'x-forwarded-for': address });
    expect(count(await statuses(40, from('203.0.113.1'), '/health'), 429)).toBeGreaterThan(10);
    expect(await statuses(1, from('203.0.113.2'), '/health')).toEqual([200]);
    // A client that puts an address of its own before the proxy's changes nothing.
    const forged = await statuses(3, () => ({ 'x-forwarded-for': `192.0.2.${serial++}, 203.0.113.1` }), '/health');
    expect(count(forged, 429)).toBeGreaterThan(0);
  });

  it('tries no token of an address that failed too often, but one that was let in before', async () => {
    const address = { 'x-forwarded-for': '203.0.113.9' };
    const [good, late] = [await token(), await token()];
    expect((await ask('/stats', { ...address, authorization: good })).status).toBe(200);
    const guesses = await statuses(9, () => ({ ...address, authorization: `Bearer guess${serial++}` }));
    expect(count(guesses.slice(0, 6), 401)).toBe(6);
    expect(count(guesses.slice(6), 429)).toBeGreaterThanOrEqual(2);
    expect((await ask('/stats', { ...address, authorization: late })).status).toBe(429);
    expect((await ask('/stats', { ...address, authorization: good })).status).toBe(200);
    expect((await ask('/stats', { authorization: late })).status).toBe(200);
  });

  it('counts what it refused', async () => {
    const page = await (await ask('/metrics', { authorization: await token() })).text();
    for (const limit of ['token', 'address', 'failed_logins'])
      expect(page).toMatch(new RegExp(`ml_detector_rate_limited_total\\{limit="${limit}"\\} [1-9]`));
  });
});
