/** After a day without the edge: the host is watched again at once, the rest follows at a bounded rate. */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Courier } from '../collector/delivery/courier.ts';
import { EdgeConnection } from '../collector/delivery/edge-connection.ts';
import { Spool } from '../collector/delivery/spool.ts';
import { EdgeStandIn, type Post, refuses, stores, until } from './edge-stand-in.ts';
import { made } from './made-windows.ts';
import { newFolder } from './spool-fixture.ts';

const DAY_S = 86_400;
const POST_EVERY_MS = 100;

let edge: EdgeStandIn;
beforeEach(async () => {
  edge = await EdgeStandIn.start();
});

interface Host {
  readonly spool: Spool;
  readonly courier: Courier;
  readonly connection: EdgeConnection;
}
const hosts: Host[] = [];

function start(folder: string, random = 0): Host {
  const log = pino(new Writable({ write: (_chunk, _encoding, done) => done() }));
  const connection = new EdgeConnection({ to: edge.url, caFile: null, proxies: {} });
  const spool = new Spool(folder);
  const settings = { postEvery_ms: POST_EVERY_MS, tokenFile: null, timeout_ms: 5000 };
  const courier = new Courier({ spool, edge: connection, log, random: () => random }, settings);
  void courier.run();
  hosts.push({ spool, courier, connection });
  return { spool, courier, connection };
}

afterEach(async () => {
  for (const { spool, courier, connection } of hosts.splice(0)) {
    await courier.finish(0);
    connection.close();
    spool.close();
  }
  await edge.stop();
});

/** A spool as a day without the edge leaves it. */
function spooled(windows: number): string {
  const folder = newFolder();
  const spool = new Spool(folder);
  for (let i = 0; i < windows; i++) spool.add(made(i));
  spool.close();
  return folder;
}

/** Most posts that began within any second. */
const mostPerSecond = (posts: readonly Post[]): number =>
  Math.max(
    ...posts.map(({ at_ms }) => posts.filter((post) => post.at_ms >= at_ms && post.at_ms < at_ms + 1000).length),
  );

describe('a day of windows', () => {
  it('follows in large posts at a bounded rate, while the newest are posted as ever', async () => {
    const { spool, courier } = start(spooled(DAY_S));
    const came_ms = new Map<string, number>();
    const live = setInterval(() => {
      const window = made(DAY_S + came_ms.size);
      came_ms.set(window.id, Date.now());
      courier.add(window);
    }, 50);
    try {
      await until('the backlog is gone', () => spool.backlog === null, 60_000);
    } finally {
      clearInterval(live);
    }
    await until('everything stored', () => spool.waiting === 0);

    expect(edge.storedIds).toHaveLength(DAY_S + came_ms.size);
    expect(new Set(edge.storedIds).size).toBe(DAY_S + came_ms.size);
    const isLive = ({ windows }: Post): boolean => came_ms.has(windows[0]!.id);
    const backlog = edge.stored.filter((post) => !isLive(post));
    expect(backlog.map(({ windows }) => windows[0]!.packets)).toEqual(
      backlog.map(({ windows }) => windows[0]!.packets).toSorted((a, b) => a! - b!),
    );
    expect(backlog.length).toBeLessThanOrEqual(Math.ceil(DAY_S / 1000) + 1);
    expect(mostPerSecond(backlog)).toBeLessThanOrEqual(1000 / POST_EVERY_MS);
    expect(mostPerSecond(edge.posts)).toBeLessThanOrEqual(2000 / POST_EVERY_MS);
    const late_ms = edge.stored
      .filter(isLive)
      .flatMap(({ windows, at_ms }) => windows.map(({ id }) => at_ms - came_ms.get(id)!));
    expect(Math.max(...late_ms)).toBeLessThan(20 * POST_EVERY_MS);
  }, 90_000);

  it('gives the newest windows those before them as context', async () => {
    const { courier } = start(spooled(5000));
    courier.add(made(5000));
    await until('the newest', () => edge.storedIds.includes(made(5000).id));
    const { windows, context } = edge.stored[0]!;
    expect(windows.map(({ id }) => id)).toEqual([made(5000).id]);
    expect(context.map(({ id }) => id)).toEqual(Array.from({ length: 9 }, (_, i) => made(4991 + i).id));
  });

  it('waits, and the newest with it, as long as a busy edge asks', async () => {
    edge.usual = (response, post) => {
      if (edge.posts.length % 2 === 1) refuses(503, { 'retry-after': '1' })(response, post);
      else edge.store(response, post);
    };
    const { spool } = start(spooled(2500));
    await until('everything', () => spool.waiting === 0);
    for (const [i, { at_ms }] of edge.posts.entries())
      if (i % 2 === 1) expect(at_ms - edge.posts[i - 1]!.at_ms).toBeGreaterThanOrEqual(990);
  });

  it('that the edge refuses, as one of another host, does not keep the newest', async () => {
    edge.usual = (response, post) => {
      if (post.windows[0]!.host === 'old') refuses(403)(response, post);
      else edge.store(response, post);
    };
    const folder = newFolder();
    const before = new Spool(folder);
    for (let i = 0; i < 1500; i++) before.add(made(i, { host: 'old' }));
    before.close();
    const { spool, courier } = start(folder);
    courier.add(made(1500));
    await until('the refusal', () => courier.edgeProblem !== null);
    courier.add(made(1501));
    await until('the newest', () => spool.waiting === 1500);
    expect(edge.storedIds).toEqual([made(1500).id, made(1501).id]);
    expect(courier.edgeProblem?.reason).toContain('403');
  });

  it('asks less of an edge that is slow', async () => {
    edge.usual = (response, post) => setTimeout(() => edge.store(response, post), 300);
    const { spool } = start(spooled(4500));
    await until('everything', () => spool.waiting === 0);
    const starts = edge.posts.map(({ at_ms }) => at_ms);
    for (const [i, at_ms] of starts.slice(1).entries()) expect(at_ms - starts[i]!).toBeGreaterThanOrEqual(1150);
  });

  it('is begun by the hosts of a fleet at different times', async () => {
    for (const random of [0, 0.05]) start(spooled(1500), random);
    await until('both', () => edge.storedIds.length === 3000);
    const firsts = edge.posts.filter(({ windows }) => windows[0]!.id === made(0).id);
    expect(firsts[1]!.at_ms - firsts[0]!.at_ms).toBeGreaterThan(1300);
  });

  it('that a second outage interrupts goes on where it was, also in another process', async () => {
    const folder = spooled(5500);
    const first = start(folder);
    await until('two batches', () => edge.storedIds.length === 2000);
    edge.usual = refuses(503);
    for (let i = 5500; i < 7500; i++) first.courier.add(made(i));
    await until('an outage', () => first.courier.edgeProblem !== null);
    await first.courier.finish(0);
    first.connection.close();
    first.spool.close();
    hosts.splice(0);
    edge.usual = stores;
    const second = start(folder);
    await until('everything', () => second.spool.waiting === 0);
    expect(new Set(edge.storedIds)).toEqual(new Set(Array.from({ length: 7500 }, (_, i) => made(i).id)));
    expect(edge.storedIds).toHaveLength(7500);
  });
});
