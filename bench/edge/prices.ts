/** What a month on Cloudflare costs, from counted operations. Prices of Workers Paid, looked up on 2026-11-21. */
import { type Operations, operations } from './metered-workers.ts';

export const MONTH_S = 30 * 86_400;
/** Of the plan, whatever is used. */
const PLAN_USD = 5;

/** USD for each unit beyond what a month includes. */
interface Price {
  readonly usd: number;
  readonly included: number;
  readonly source: string;
}

const WORKERS = 'https://developers.cloudflare.com/workers/platform/pricing/';
const OBJECTS = 'https://developers.cloudflare.com/durable-objects/platform/pricing/';
const QUEUES = 'https://developers.cloudflare.com/queues/platform/pricing/';
const R2 = 'https://developers.cloudflare.com/r2/pricing/';

export const PRICES = {
  requests: { usd: 0.3e-6, included: 10e6, source: WORKERS },
  cpu_ms: { usd: 0.02e-6, included: 30e6, source: WORKERS },
  queue_operations: { usd: 0.4e-6, included: 1e6, source: QUEUES },
  object_requests: { usd: 0.15e-6, included: 1e6, source: OBJECTS },
  object_GB_s: { usd: 12.5e-6, included: 400_000, source: OBJECTS },
  rows_written: { usd: 1e-6, included: 50e6, source: OBJECTS },
  class_a: { usd: 4.5e-6, included: 1e6, source: R2 },
  class_b: { usd: 0.36e-6, included: 10e6, source: R2 },
  stored_GB: { usd: 0.015, included: 10, source: R2 },
} satisfies Record<string, Price>;
export type Item = keyof typeof PRICES;

/** What was counted of one way to post. */
export interface Counted {
  readonly windowsPerPost: number;
  readonly cpu_ms_per_post: number;
  readonly storedBytesPerWindow: number;
  readonly perPost: Operations;
  /** Of one isolate, and one group, whether or not there are posts. */
  readonly perSecond: Operations;
}

export interface Fleet {
  readonly hosts: number;
  readonly postEvery_s: number;
  readonly window_s: number;
  readonly groups: number;
}

/** Posts a second that one isolate takes before the platform starts another: an assumption, about half of what one can. */
export const POSTS_AN_ISOLATE = 200;
/** As WINDOW_RETENTION_DAYS has it by default. */
export const RETENTION_DAYS = 30;
/** Of memory that an object is billed for while it is awake. */
const OBJECT_GB = 0.128;

/** What a month takes, of each item. */
export function monthly(counted: Counted, { hosts, postEvery_s, window_s, groups }: Fleet): Record<Item, number> {
  const postsPerSecond = hosts / postEvery_s;
  const isolates = Math.max(1, Math.ceil(postsPerSecond / POSTS_AN_ISOLATE));
  const used = operations(
    (name) => MONTH_S * (postsPerSecond * counted.perPost[name] + isolates * groups * counted.perSecond[name]),
  );
  return {
    ...used,
    cpu_ms: MONTH_S * postsPerSecond * counted.cpu_ms_per_post,
    // The Metrics object, which every isolate feeds, never sleeps.
    object_GB_s: MONTH_S * OBJECT_GB,
    stored_GB: ((RETENTION_DAYS * 86_400 * hosts) / window_s) * counted.storedBytesPerWindow * 1e-9,
  };
}

/** USD of each item beyond what the plan includes. */
export function priced(used: Record<Item, number>): Record<Item, number> {
  const usd = (item: Item): number => PRICES[item].usd * Math.max(0, used[item] - PRICES[item].included);
  return {
    requests: usd('requests'),
    cpu_ms: usd('cpu_ms'),
    queue_operations: usd('queue_operations'),
    object_requests: usd('object_requests'),
    object_GB_s: usd('object_GB_s'),
    rows_written: usd('rows_written'),
    class_a: usd('class_a'),
    class_b: usd('class_b'),
    stored_GB: usd('stored_GB'),
  };
}

export const totalOf = (usd: Record<Item, number>): number =>
  Object.values(usd).reduce((sum, part) => sum + part, PLAN_USD);

/** Two runs of the same length at different rates: what a post takes, and what goes on without posts. Rates of neither may be 0. */
export function split(
  slow: { readonly posts: number; readonly seconds: number; readonly used: Operations },
  fast: { readonly posts: number; readonly seconds: number; readonly used: Operations },
): { perPost: Operations; perSecond: Operations } {
  // posts * perPost + seconds * perSecond = used, for both.
  const determinant = fast.posts * slow.seconds - slow.posts * fast.seconds;
  if (determinant === 0) throw new RangeError('two runs at the same rate tell nothing');
  const perPost = operations((name) =>
    Math.max(0, (fast.used[name] * slow.seconds - slow.used[name] * fast.seconds) / determinant),
  );
  return {
    perPost,
    perSecond: operations((name) => Math.max(0, (slow.used[name] - slow.posts * perPost[name]) / slow.seconds)),
  };
}
