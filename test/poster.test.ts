/** Posting to an edge that is busy, broken, away, or says no. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readConfig } from '../collector/config.ts';
import { Courier } from '../collector/delivery/courier.ts';
import { EdgeConnection } from '../collector/delivery/edge-connection.ts';
import { Spool } from '../collector/delivery/spool.ts';
import { COLUMNS_MEDIA_TYPE } from '../contract/columns/format.ts';
import { type Answer, EdgeStandIn, hangs, refuses, resets, stores, until } from './edge-stand-in.ts';
import { made } from './made-windows.ts';

let folder: string;
let edge: EdgeStandIn;
let spool: Spool;
let lines: Record<string, unknown>[];
let courier: Courier;
let connection: EdgeConnection;
let running: Promise<void>;

const DAY_MS = 86_400_000;
const tokenFile = (): string => join(folder, 'token');

function start(): void {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  const config = readConfig({ to: `${edge.url}/`, source: ['windows:-'], tokenFile: tokenFile() }, {});
  connection = new EdgeConnection(config);
  courier = new Courier(
    { spool, edge: connection, log: pino(stream), random: () => 0 },
    { ...config, postEvery_ms: 20, timeout_ms: 300 },
  );
  running = courier.run();
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-poster-'));
  writeFileSync(tokenFile(), 'first-token\n');
  edge = await EdgeStandIn.start();
  spool = new Spool(join(folder, 'spool'));
  lines = [];
});

afterEach(async () => {
  await courier.finish(1000);
  await running;
  connection.close();
  spool.close();
  await edge.stop();
  rmSync(folder, { recursive: true });
});

const events = (event: string) => lines.filter((line) => line.event === event);

describe('a post', () => {
  it('is gzip JSON to /detect under a bearer token, which is read anew each time', async () => {
    start();
    courier.add(made(0));
    await until('the first post', () => edge.stored.length === 1);
    writeFileSync(tokenFile(), 'second-token\n');
    courier.add(made(1));
    await until('the second post', () => edge.stored.length === 2);
    expect(edge.posts.map(({ path, headers }) => [path, headers['content-encoding'], headers.authorization])).toEqual([
      ['/detect', 'gzip', 'Bearer first-token'],
      ['/detect', 'gzip', 'Bearer second-token'],
    ]);
    expect(edge.posts[1]?.context.map(({ id }) => id)).toEqual([made(0).id]);
  });

  it('of many windows goes by columns, or in JSON to an edge that does not know them', async () => {
    const windows = Array.from({ length: 120 }, (_, second) => made(second));
    for (const window of windows.slice(0, 60)) spool.add(window);
    start();
    await until('the first post', () => edge.stored.length === 1);
    edge.script = [refuses(415)];
    for (const window of windows.slice(60)) courier.add(window);
    await until('the second post', () => edge.stored.length === 2);
    const types = edge.posts.map(({ headers }) => headers['content-type']);
    expect(types).toEqual([COLUMNS_MEDIA_TYPE, COLUMNS_MEDIA_TYPE, 'application/json']);
    expect(edge.posts[1]?.headers['idempotency-key']).toBe(edge.posts[2]?.headers['idempotency-key']);
    expect(edge.stored.flatMap((post) => post.windows)).toEqual(windows);
    expect(edge.posts[1]?.context).toEqual(windows.slice(51, 60));
    expect(courier.counters).toMatchObject({ retried: 0, posted_windows: 120, rejected_windows: 0 });
  });

  it('by columns tells of the threats that the edge found', async () => {
    const verdict = {
      threat_detected: true,
      threat_types: ['port_scan'],
      attacking_ips: ['192.0.2.1'],
      level: 'high',
      confidence: 0.9,
      window: null,
    };
    edge.usual = (response) => response.end(JSON.stringify({ judged: 60, found: [{ index: 7, result: verdict }] }));
    for (let second = 0; second < 60; second++) spool.add(made(second));
    start();
    await until('everything stored', () => courier.counters.posted_windows === 60);
    expect(courier.counters.threats).toBe(1);
    expect(events('threat')).toMatchObject([{ threat_types: ['port_scan'] }]);
  });

  it.each<[string, Answer]>([
    ['is answered 503', refuses(503)],
    ['is answered 500', refuses(500)],
    ['is answered 408', refuses(408)],
    ['is never answered', hangs],
    ['is cut off', resets],
    ['is refused for its token', refuses(401)],
    ['goes to a wrong address', refuses(404)],
    ['is redirected', refuses(302, { location: 'http://127.0.0.1:1/' })],
  ])('that %s is repeated as it was, under the same key', async (_name, answer) => {
    edge.script = [answer, answer];
    start();
    courier.add(made(0));
    await until('the first try', () => edge.posts.length > 0);
    courier.add(made(1));
    await until('everything stored', () => courier.counters.posted_windows === 2);
    const [first, second, third, fourth] = edge.posts;
    expect([second?.body, third?.body]).toEqual([first?.body, first?.body]);
    expect(new Set(edge.posts.slice(0, 3).map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(fourth?.headers['idempotency-key']).not.toBe(first?.headers['idempotency-key']);
    expect(courier.counters).toMatchObject({ retried: 2, posted_windows: 2, rejected_windows: 0 });
    expect([events('edge_unreachable').length, events('edge_reachable').length]).toEqual([1, 1]);
    expect([courier.edgeProblem, courier.edgeAwaySince_ms]).toEqual([null, null]);
    expect(courier.lastPost_ms).toBeGreaterThan(0);
  });

  it.each<[string, () => Record<string, string>]>([
    ['in seconds', () => ({ 'retry-after': '2' })],
    [
      "by a date of the edge, whatever this host's clock says",
      () => ({ date: new Date(DAY_MS).toUTCString(), 'retry-after': new Date(DAY_MS + 2000).toUTCString() }),
    ],
  ])('waits as long as Retry-After asks %s', async (_name, headers) => {
    edge.script = [refuses(429, headers())];
    start();
    courier.add(made(0));
    await until('the retry', () => edge.stored.length === 1);
    const waited_ms = edge.posts[1]!.at_ms - edge.posts[0]!.at_ms;
    expect(waited_ms).toBeGreaterThanOrEqual(1900);
    expect(waited_ms).toBeLessThan(4000);
  });

  it.each([
    [401, /token create/],
    [403, /--host and --group/],
    [404, /check --to/],
    [302, /redirects are not followed/],
  ])('that is refused with %d is kept, and told once with what to do', async (status, remedy) => {
    edge.script = [refuses(status), refuses(status), refuses(status)];
    start();
    courier.add(made(0));
    await until('two refusals', () => courier.counters.retried === 2);
    expect(courier.edgeProblem?.reason).toContain(`the edge answered ${status}`);
    expect([courier.edgeAwaySince_ms, courier.lastPost_ms]).toEqual([expect.any(Number), null]);
    await until('the post', () => courier.counters.posted_windows === 1);
    expect(events('edge_unreachable')).toMatchObject([{ remedy: expect.stringMatching(remedy) }]);
  });

  it('goes on at its pace when the wall clock is set back or forward', async () => {
    start();
    try {
      for (const [i, jump_ms] of [-DAY_MS, DAY_MS, 0].entries()) {
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + jump_ms });
        const started_ms = performance.now();
        edge.script = [refuses(503)];
        courier.add(made(i));
        await until('the post', () => courier.counters.posted_windows === i + 1);
        expect(performance.now() - started_ms).toBeLessThan(3000);
      }
    } finally {
      vi.useRealTimers();
    }
    expect(edge.storedIds).toEqual([made(0).id, made(1).id, made(2).id]);
  });

  const says =
    (text: string): Answer =>
    (response) =>
      response.end(text);
  it.each<[string, Answer]>([
    ['a page', says('<html>\n  <title>Log in to the hotel</title>')],
    ['nothing', says('')],
    ['JSON of something else', says('{"status":"ok"}')],
    ['fewer results than windows', says('{"results":[]}')],
    ['more results than windows', says('{"results":[{},{}]}')],
    ['another number of judged windows', says('{"judged":2,"found":[]}')],
    ['a number of windows alone', says('{"judged":1}')],
  ])('that is answered 200 with %s is kept, and told as no answer of an edge', async (_name, answer) => {
    edge.script = [answer, answer];
    start();
    courier.add(made(0));
    await until('two tries', () => courier.counters.retried === 2);
    expect([spool.waiting, courier.counters.posted_windows]).toEqual([1, 0]);
    expect(courier.edgeProblem?.cause).toBe('not_an_edge');
    await until('the post', () => courier.counters.posted_windows === 1);
    expect(edge.storedIds).toEqual([made(0).id]);
    expect(events('edge_unreachable')).toMatchObject([
      {
        reason: expect.stringMatching(/^127\.0\.0\.1:\d+ answered 200 with ".*", not as a Vigía edge does/),
        remedy: expect.stringMatching(/^check --to, /),
      },
    ]);
  });

  it('is stored, whatever shape a verdict of another release has', async () => {
    edge.script = [says('{"results":[{"verdict":"of another release"}],"more":1}')];
    start();
    courier.add(made(0));
    await until('the post', () => courier.counters.posted_windows === 1);
    expect([spool.waiting, courier.counters.retried]).toEqual([0, 0]);
  });

  it('whose verdict is a threat is told in the log: types, attackers, window', async () => {
    const verdict = { confidence: 0.9, threat_types: ['port_scan'], attacking_ips: ['198.51.100.7'], level: 'high' };
    const window = { id: made(0).id, host: 'h', group: 'g', interface: 'eth0', start: made(0).start, duration_s: 1 };
    edge.script = [
      (response) =>
        response.end(
          JSON.stringify({
            results: [{ ...verdict, threat_detected: true, window }],
          }),
        ),
    ];
    start();
    courier.add(made(0));
    await until('the verdict', () => events('threat').length > 0);
    expect(events('threat')).toMatchObject([{ threat_types: ['port_scan'], attacking_ips: ['198.51.100.7'], window }]);
  });
});

describe('a batch that the edge never takes', () => {
  /** As an edge that cannot read some windows: a post with one of them is refused as a whole. */
  const takesBut =
    (status: number, ...bad: number[]): Answer =>
    (response, post) => {
      const isBad = post.windows.some(({ packets }) => bad.includes(packets ?? -1));
      return isBad ? refuses(status)(response, post) : edge.store(response, post);
    };
  const setAside = () => {
    const rejected = join(folder, 'spool', 'rejected');
    return readdirSync(rejected).map((name) => JSON.parse(readFileSync(join(rejected, name), 'utf8')));
  };

  it.each([
    400, 413, 422,
  ])('with %d is halved down to the window at fault, which is set aside with the reason', async (status) => {
    edge.usual = takesBut(status, 17, 30);
    for (let i = 0; i < 40; i++) spool.add(made(i));
    start();
    await until('all but two', () => spool.waiting === 0);
    expect(edge.storedIds).toEqual(
      Array.from({ length: 40 }, (_, i) => made(i).id).filter((_, i) => i !== 17 && i !== 30),
    );
    expect(courier.counters).toMatchObject({ posted_windows: 38, rejected_windows: 2, retried: 0 });
    expect(setAside()).toMatchObject([17, 30].map((i) => ({ windows: 1, body: { windows: [{ id: made(i).id }] } })));
    expect(setAside()[0].reason).toContain(`the edge answered ${status}: {"title":"refused with ${status}"}`);
    expect(edge.posts.length).toBeLessThan(30);
    expect(events('window_rejected')).toMatchObject([{ reason: setAside()[0].reason, remedy: expect.any(String) }]);
  });

  it('costs little more than a post a window where every window is at fault', async () => {
    edge.usual = refuses(422);
    for (let i = 0; i < 40; i++) spool.add(made(i));
    start();
    await until('nothing waits', () => spool.waiting === 0);
    expect(edge.posts.length).toBeLessThan(50);
    expect(setAside()).toHaveLength(40);
    expect(events('window_rejected')).toHaveLength(1);
  });
});

it('windows that the disk refused are written as soon as it takes them, though the next post is long away', async () => {
  spool.close();
  spool = new Spool(join(folder, 'spool'), { maxBytes: 1e9, segmentBytes: 1, maxInMemory: 10 });
  edge.usual = refuses(503, { 'retry-after': '60' });
  start();
  courier.add(made(0));
  await until('the refusal', () => courier.edgeProblem !== null);
  const blocked = join(folder, 'spool', '000000000000001.log');
  mkdirSync(blocked); // a folder where the next file should be: the disk refuses, also for root
  courier.add(made(1));
  expect(spool.writeError).toMatch(/EISDIR/);
  rmSync(blocked, { recursive: true });
  await until('the file', () => statSync(blocked, { throwIfNoEntry: false })?.isFile() === true);
  expect(spool.writeError).toBeNull();
});

describe('after an outage', () => {
  it('what waited is stored once and in order, in few and bounded posts', async () => {
    edge.usual = resets;
    start();
    for (let i = 0; i < 500; i++) courier.add(made(i));
    await until('three tries', () => edge.posts.length >= 3);
    edge.usual = stores;
    await until('everything stored', () => edge.storedIds.length >= 500);
    expect(edge.storedIds).toEqual(Array.from({ length: 500 }, (_, i) => made(i).id));
    expect(edge.stored.length).toBeLessThanOrEqual(2);
  });
});
