/** What a million windows take of Cloudflare's platform, and what a fleet costs a month: operations counted in real runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { storedWindows } from '../../cli/edge/stored-windows.ts';
import { WINDOWS_PREFIX } from '../../contract/stored-window.ts';
import { collectorPost } from './collector-post.ts';
import { KeepAlive } from './keep-alive.ts';
import { load } from './load.ts';
import { type MeteredWorkers, type Operations, operations, withMeteredWorkers } from './metered-workers.ts';
import { type Counted, type Fleet, type Item, monthly, PRICES, priced, split, totalOf } from './prices.ts';
import { bearer, trainDefault, withServedEdge, withStateDir } from './served-edge.ts';
import { rounded } from './statistics.ts';

const ORIGIN = { host: 'bench', group: 'default' };
/** More than one edge answers. */
const MOST_POSTS_PER_SECOND = 4000;
/** Above 20 a second each object holds as many posts as a batch of the Queue has. */
const SLOW_POSTS_PER_SECOND = 25;
const FAST_POSTS_PER_SECOND = 50;
const SECONDS = 10;
const CPU_SECONDS = 5;
/** The Queue waits for a batch up to five seconds. */
const DELIVERED_AFTER_MS = 6_000;
const TWO_HOURS_MS = 7_200_000;
const CONNECTIONS = 8;

interface Way {
  readonly name: string;
  readonly windows: number;
  readonly postEvery_s: number;
  readonly window_s: number;
}

const WAYS: readonly Way[] = [
  { name: 'a post each 2 s, windows of 1 s', windows: 2, postEvery_s: 2, window_s: 1 },
  { name: 'a post each 10 s, windows of 1 s', windows: 10, postEvery_s: 10, window_s: 1 },
  { name: 'a post each 10 s, windows of 10 s', windows: 1, postEvery_s: 10, window_s: 10 },
];
const FLEETS = [
  { hosts: 10, groups: 1 },
  { hosts: 1000, groups: 1 },
  { hosts: 10_000, groups: 10 },
];

export interface CostRun {
  readonly seconds: number;
  readonly slow: number;
  readonly fast: number;
  readonly delivered_ms: number;
}

/** Operations of the platform, of posts of `windows` windows each. */
export function countOperations(
  windows: number,
  { seconds, slow, fast, delivered_ms }: CostRun,
): Promise<Omit<Counted, 'cpu_ms_per_post'>> {
  return withStateDir((stateDir) =>
    withMeteredWorkers(stateDir, async (workers) => {
      const headers = { ...(await bearer()), 'content-encoding': 'gzip' };
      const client = new KeepAlive(`${workers.url}/detect`, headers, CONNECTIONS);
      const run = { workers, client, windows, seconds, delivered_ms };
      try {
        await paced({ ...run, seconds: 1 }, slow, 1_000_000);
        const slower = await paced(run, slow, 2_000_000);
        const faster = await paced(run, fast, 3_000_000);
        const before = await stored(workers);
        const upkept = await used(workers, () => workers.upkeep(TWO_HOURS_MS));
        const { perPost, perSecond } = split(slower, faster);
        // Upkeep reads each object once and merges it.
        const posts = before.windows / windows;
        return {
          windowsPerPost: windows,
          storedBytesPerWindow: before.bytes / before.windows,
          perPost: operations((name) => perPost[name] + upkept[name] / posts),
          perSecond,
        };
      } finally {
        client.close();
      }
    }),
  );
}

interface Paced {
  readonly workers: MeteredWorkers;
  readonly client: KeepAlive;
  readonly windows: number;
  readonly seconds: number;
  readonly delivered_ms: number;
}

/** Posts at a pace, and waits until the Queue has delivered all. */
async function paced({ workers, client, windows, seconds, delivered_ms }: Paced, perSecond: number, first: number) {
  const posts = Math.round(perSecond * seconds);
  const took = await used(workers, async () => {
    const began_ms = performance.now();
    const sent: Promise<void>[] = [];
    for (let i = 0; i < posts; i++) {
      await sleep(Math.max(0, began_ms + (1000 * i) / perSecond - performance.now()));
      sent.push(
        client.post(collectorPost(ORIGIN, first + i * windows, windows)).then(({ status, text }) => {
          if (status !== 200) throw new Error(`${status} ${text}`);
        }),
      );
    }
    await Promise.all(sent);
    await sleep(delivered_ms);
  });
  return { posts, seconds, used: took };
}

async function used(workers: MeteredWorkers, work: () => Promise<void>): Promise<Operations> {
  const before = await workers.counted();
  await work();
  const after = await workers.counted();
  return operations((name) => after[name] - before[name]);
}

async function stored({ runtime }: MeteredWorkers): Promise<{ bytes: number; windows: number }> {
  const { length: windows } = await storedWindows(runtime, ORIGIN.group);
  const bucket = await runtime.getR2Bucket('BUCKET', 'vigia');
  let bytes = 0;
  let cursor: string | undefined;
  do {
    const page = await bucket.list({ prefix: WINDOWS_PREFIX, cursor });
    for (const { size } of page.objects) bytes += size;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return { bytes, windows };
}

/** Processor time of workerd of a post, by `vigia serve`: all of it, so no less than what the platform bills. */
async function cpuOf(windows: readonly number[], seconds: number): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  await withStateDir((stateDir) =>
    withServedEdge(stateDir, async (edge) => {
      await trainDefault(edge);
      const headers = { ...edge.headers, 'content-encoding': 'gzip' };
      const target = { name: 'vigia serve', url: `${edge.url}/detect`, headers, pids: edge.pids };
      for (const [i, count] of windows.entries()) {
        let number = 1_000_000 * (i + 1);
        const body = (): Uint8Array => {
          number += count;
          return collectorPost(ORIGIN, number, count);
        };
        const { cpu_us_per_post } = await load(
          target,
          { connections: CONNECTIONS, windows: count, postsPerSecond: MOST_POSTS_PER_SECOND, body },
          Math.ceil(seconds),
        );
        found.set(count, cpu_us_per_post / 1000);
      }
    }),
  );
  return found;
}

export async function benchmark(): Promise<unknown> {
  const run = {
    seconds: SECONDS,
    slow: SLOW_POSTS_PER_SECOND,
    fast: FAST_POSTS_PER_SECOND,
    delivered_ms: DELIVERED_AFTER_MS,
  };
  console.log(
    `Counted at ${run.slow} and ${run.fast} posts a second of a collector, ${run.seconds} s each, windows through the Queue; processor time by vigia serve.`,
  );
  const cpu = await cpuOf(
    WAYS.map(({ windows }) => windows),
    CPU_SECONDS,
  );
  const counted = new Map<Way, Counted>();
  for (const way of WAYS)
    counted.set(way, { ...(await countOperations(way.windows, run)), cpu_ms_per_post: cpu.get(way.windows) ?? 0 });
  console.log('A million windows:');
  console.table([...counted].map(([way, each]) => ({ way: way.name, ...aMillion(each) })));
  console.log('Whatever is posted, each second of an isolate and group:');
  console.table([...counted].map(([way, { perSecond }]) => ({ way: way.name, ...roundedAll(perSecond) })));
  const months = [...counted].flatMap(([way, each]) => FLEETS.map((fleet) => month(way, each, { ...fleet, ...way })));
  console.log('USD a month, beyond what the plan includes:');
  console.table(months);
  return {
    aMillion: [...counted].map(([way, each]) => ({ way: way.name, ...aMillion(each) })),
    months,
    prices: PRICES,
  };
}

function aMillion({ perPost, windowsPerPost, cpu_ms_per_post, storedBytesPerWindow }: Counted) {
  const posts = 1e6 / windowsPerPost;
  return {
    cpu_ms: Math.round(posts * cpu_ms_per_post),
    ...roundedAll(operations((name) => posts * perPost[name])),
    stored_GB: rounded(storedBytesPerWindow * 1e-3),
  };
}

const roundedAll = (of: Operations): Operations => operations((name) => (of[name] === 0 ? 0 : rounded(of[name])));

function month(way: Way, counted: Counted, fleet: Fleet) {
  const usd = priced(monthly(counted, fleet));
  const parts = Object.entries(usd) as [Item, number][];
  return {
    way: way.name,
    hosts: fleet.hosts,
    ...Object.fromEntries(parts.map(([item, part]) => [item, Number(part.toFixed(2))])),
    'all with the plan': Math.round(totalOf(usd)),
  };
}
