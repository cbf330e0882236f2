/** The benchmark of the edge: its arithmetic, and each part once in a small size. */
import { describe, expect, it } from 'vitest';
import { alone } from '../bench/edge/alone.ts';
import { coldStarts } from '../bench/edge/cold.ts';
import { countOperations } from '../bench/edge/cost.ts';
import { pauseOf } from '../bench/edge/gc-log.ts';
import { runLedger } from '../bench/edge/ledger.ts';
import { Ledger } from '../bench/edge/ledger-count.ts';
import { postBody } from '../bench/edge/made-posts.ts';
import { operations } from '../bench/edge/metered-workers.ts';
import { outliers } from '../bench/edge/outliers.ts';
import { MONTH_S, monthly, priced, split, totalOf } from '../bench/edge/prices.ts';
import { causeOf } from '../bench/edge/slow-posts.ts';
import { median, quantile, spread_percent } from '../bench/edge/statistics.ts';
import { throughput } from '../bench/edge/throughput.ts';

describe('statistics', () => {
  it('take the nearest rank, the middle, and half the distance of the extremes', () => {
    expect([quantile([3, 1, 2, 4], 0.5), quantile([3, 1, 2, 4], 0.99), quantile([7], 0)]).toEqual([2, 4, 7]);
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([5])]).toEqual([2, 2.5, 5]);
    expect(spread_percent([90, 100, 110])).toBe(10);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('the ledger', () => {
  it('adds up where every acknowledged window is stored once and every incident was told', () => {
    const ledger = new Ledger();
    ledger.posted(['a', 'b'], 'none');
    ledger.posted(['c'], 'workerd killed');
    ledger.acknowledged(['a', 'b'], 'none');
    ledger.acknowledged(['c'], 'workerd killed');
    ledger.incident('none', 1);
    ledger.read(['a']);
    expect(ledger.faults()).toEqual(['2 windows acknowledged and not stored']);
    ledger.read(['c', 'b', 'a']);
    expect(ledger.faults()).toEqual([]);
  });

  it('names what is missing, stored twice, foreign, unacknowledged, untold and told as several, under its fault', () => {
    const ledger = new Ledger();
    ledger.posted(['a', 'b'], 'storage down');
    ledger.posted(['c'], 'none');
    ledger.acknowledged(['a', 'b'], 'storage down');
    ledger.read(['b', 'b', 'x']);
    ledger.incident('receiver down', 0);
    ledger.incident('model swapped', 2);
    expect(ledger.faults()).toEqual([
      '1 posts never acknowledged',
      '1 windows acknowledged and not stored',
      '1 windows stored twice',
      '1 windows stored that nobody made',
      '1 incidents that nobody was told of',
      '1 incidents told under several ids',
    ]);
    expect(ledger.line('storage down')).toMatchObject({ posts: 1, windows: 2, missing: 1, twice: 1 });
    expect(ledger.line('receiver down')).toMatchObject({ incidents: 1, untold: 1 });
  });
});

describe('cost', () => {
  const perPost = { requests: 1, queue_operations: 3, object_requests: 0, rows_written: 0, class_a: 0.01, class_b: 0 };
  const perSecond = { ...operations(() => 0), class_b: 2 };

  it('splits two runs into what a post takes and what time takes', () => {
    const run = (posts: number, seconds: number) => ({
      posts,
      seconds,
      used: operations((name) => posts * perPost[name] + seconds * perSecond[name]),
    });
    const found = split(run(100, 10), run(400, 20));
    for (const name of ['requests', 'queue_operations', 'class_a', 'class_b'] as const) {
      expect(found.perPost[name]).toBeCloseTo(perPost[name]);
      expect(found.perSecond[name]).toBeCloseTo(perSecond[name]);
    }
    expect(() => split(run(100, 10), run(200, 20))).toThrow(RangeError);
  });

  it('of a fleet is what goes beyond the plan', () => {
    const counted = { windowsPerPost: 2, cpu_ms_per_post: 1, storedBytesPerWindow: 100, perPost, perSecond };
    const fleet = { hosts: 1000, postEvery_s: 2, window_s: 1, groups: 1 };
    const used = monthly(counted, fleet);
    expect(used.requests).toBe(500 * MONTH_S);
    expect(used.class_b).toBe(3 * 2 * MONTH_S); // of three isolates
    expect(used.stored_GB).toBeCloseTo(259.2);
    const usd = priced(used);
    expect(usd.requests).toBeCloseTo(0.3 * (1296 - 10));
    expect(usd.queue_operations).toBeCloseTo(0.4 * (3888 - 1));
    expect(usd.object_GB_s).toBe(0);
    expect(totalOf(priced(monthly(counted, { ...fleet, hosts: 0 })))).toBe(5);
  });
});

describe('a slow post', () => {
  const looks = [0, 5, 100].map((at_ms) => ({ at_ms, ran_ms: 0, waited_ms: 0, late_ms: 0, onDisk: false }));
  const post = { began_ms: 2, took_ms: 90, excess_ms: 88 };
  const nothing = { looks, pauses: [], bucketWrites_ms: [], answers_ms: [] };

  it('is explained by what took most of it', () => {
    expect(causeOf(post, nothing)).toBe('nothing seen');
    const pauses = [{ ended_ms: 80, took_ms: 60, kind: 'major' as const }];
    expect(causeOf(post, { ...nothing, pauses })).toBe('major garbage collection');
    expect(causeOf({ ...post, began_ms: 81 }, { ...nothing, pauses })).toBe('nothing seen');
    const waited = looks.map((look) => ({ ...look, waited_ms: look.at_ms / 1.5 }));
    expect(causeOf(post, { ...nothing, looks: waited })).toBe('other processes had the processors');
    const ran = looks.map((look) => ({ ...look, ran_ms: look.at_ms }));
    expect(causeOf(post, { ...nothing, looks: ran })).toBe('workerd did other work');
    expect(causeOf(post, { ...nothing, looks: ran, answers_ms: [50] })).toBe('other posts were answered first');
    expect(causeOf(post, { ...nothing, looks: ran, answers_ms: [92] })).toBe('workerd did other work'); // its own
    const slept = looks.map((look) => ({ ...look, onDisk: look.at_ms > 20 }));
    expect(causeOf(post, { ...nothing, looks: slept })).toBe('the disk was slow');
    expect(causeOf(post, { ...nothing, bucketWrites_ms: [50] })).toBe('the buffer went to the bucket');
  });
});

// Most of their time they wait: for a buffer, for the Queue.
describe.concurrent('each part, in a small size', () => {
  it('throughput', async () => {
    const { rows } = await throughput(1, 1);
    const own = rows.filter(({ of }) => of.startsWith('vigia serve'));
    expect(own).toHaveLength(10);
    for (const row of own) expect(row).toMatchObject({ 'windows/s': expect.any(Number), p50_ms: expect.any(Number) });
  });

  it('outliers: pauses of the garbage collection are seen', async () => {
    const body = (number: number): string => postBody({ host: 'h', group: 'default' }, number, 50);
    const found = await outliers({ name: 'test', connections: 2, body }, 1.5, 0);
    expect(found.pauses.length).toBeGreaterThan(0);
    expect(Object.values(found.causes).reduce((sum, count) => sum + count, 0)).toBe(found.slow);
    expect(pauseOf('{"event":"models_live"}', 0)).toBeNull();
  });

  it('cold start', async () => {
    const [start] = await coldStarts(1);
    expect(start?.scored_ms).toBeGreaterThan(start?.listens_ms ?? Number.POSITIVE_INFINITY);
  });

  it('cost: a post is a request and three operations of the Queue', async () => {
    const { perPost, storedBytesPerWindow } = await countOperations(2, {
      seconds: 1,
      slow: 5,
      fast: 15,
      delivered_ms: 5500,
    });
    expect(perPost.requests).toBeGreaterThanOrEqual(1);
    expect(perPost.queue_operations).toBeCloseTo(3);
    expect(storedBytesPerWindow).toBeGreaterThan(10);
  });

  it('ledger, over a kill, a swap of models and a receiver that is away', async () => {
    const run = { load_ms: 9000, measure_ms: 500, groups: 1, s3: false };
    const { problems, ledger, deliveries } = await runLedger(run);
    expect(problems).toEqual([]);
    expect(ledger.total().posts).toBeGreaterThan(0);
    expect(ledger.line('workerd killed').posts).toBeGreaterThan(0);
    expect(deliveries).toBeGreaterThan(0);
  }, 150_000);
});

it('alone: what the runtime carries that judges nothing', async () => {
  const rows = await alone(1);
  expect(rows).toHaveLength(10);
  for (const row of rows) expect(row['windows/s'], row.step).toBeGreaterThan(0);
});
