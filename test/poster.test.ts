/** Posting to an edge that is busy, broken, away, or says no. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../collector/config.ts';
import { Courier } from '../collector/delivery/courier.ts';
import { Spool } from '../collector/delivery/spool.ts';
import { type Answer, EdgeStandIn, hangs, refuses, resets, stores, until } from './edge-stand-in.ts';
import { made } from './made-windows.ts';

let folder: string;
let edge: EdgeStandIn;
let spool: Spool;
let lines: Record<string, unknown>[];
let courier: Courier;
let running: Promise<void>;

const tokenFile = (): string => join(folder, 'token');

function start(): void {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  const config = readConfig({ to: `${edge.url}/`, source: ['windows:-'], tokenFile: tokenFile() }, {});
  courier = new Courier(spool, { ...config, postEvery_ms: 20, timeout_ms: 300 }, pino(stream), () => 0);
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
  });

  it('waits as long as Retry-After asks', async () => {
    edge.script = [refuses(429, { 'retry-after': '2' })];
    start();
    courier.add(made(0));
    await until('the retry', () => edge.stored.length === 1);
    expect(edge.posts[1]!.at_ms - edge.posts[0]!.at_ms).toBeGreaterThanOrEqual(1900);
  });

  it.each([
    400, 413, 422,
  ])('that is answered %d is set aside with the reason, and the next one goes on', async (status) => {
    edge.script = [refuses(status)];
    start();
    courier.add(made(0));
    await until('the refusal', () => courier.counters.rejected_windows === 1);
    courier.add(made(1));
    await until('the next one', () => edge.storedIds.includes(made(1).id));
    const rejected = join(folder, 'spool', 'rejected');
    const [name] = readdirSync(rejected);
    const aside = JSON.parse(readFileSync(join(rejected, name!), 'utf8'));
    expect(aside.reason).toContain(`the edge answered ${status}: {"title":"refused with ${status}"}`);
    expect(aside.body.windows).toMatchObject([{ id: made(0).id }]);
    expect(events('batch_rejected')).toMatchObject([{ windows: 1, reason: aside.reason }]);
    expect(edge.posts).toHaveLength(2);
  });

  it('that is stored counts as stored, whatever the answer says', async () => {
    edge.script = [(response) => response.end('<html>')];
    start();
    courier.add(made(0));
    await until('the post', () => courier.counters.posted_windows === 1);
    expect(spool.waiting).toBe(0);
  });

  it('whose verdict is a threat is told in the log: types, attackers, window', async () => {
    const verdict = { confidence: 0.9, threat_types: ['port_scan'], attacking_ips: ['198.51.100.7'], level: 'high' };
    const window = { id: made(0).id, host: 'h', group: 'g', interface: 'eth0', start: made(0).start, duration_s: 1 };
    edge.script = [
      (response) =>
        response.end(
          JSON.stringify({
            results: [true, false].map((threat_detected) => ({ ...verdict, threat_detected, window })),
          }),
        ),
    ];
    start();
    courier.add(made(0));
    await until('the verdict', () => events('threat').length > 0);
    expect(events('threat')).toMatchObject([{ threat_types: ['port_scan'], attacking_ips: ['198.51.100.7'], window }]);
  });
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
    expect(edge.stored.length).toBeLessThanOrEqual(5);
    for (const { windows } of edge.stored) expect(windows.length).toBeLessThanOrEqual(200);
  });
});
