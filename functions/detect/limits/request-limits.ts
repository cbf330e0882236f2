/** How much one token and one address may ask of an isolate, and how often an address may come without a valid token. */
import { HttpProblem } from '../../http/problem.ts';
import { DEPLOYMENT, type Tally } from '../metrics/tally.ts';
import { type Level, type Quota, TokenBuckets } from './token-buckets.ts';

/** Callers of each kind that an isolate remembers; some 150 bytes each. */
export const MAX_CALLERS = 16_384;

export const LIMITS = ['token', 'address', 'failed_logins'] as const;
export type LimitName = (typeof LIMITS)[number];

/** Null: no limit. */
export type Quotas = Readonly<Record<LimitName, Quota | null>>;

/** Its callers are remembered all the same: a token that was let in is known by that. */
const UNLIMITED: Quota = { perSecond: Number.MAX_VALUE, burst: Number.MAX_VALUE };

const SLOWER: Readonly<Record<LimitName, string>> = {
  token: 'This token asks too often; ask less often, or raise RATE_LIMIT_PER_TOKEN where many hosts share it.',
  address:
    'This address asks too often; ask less often, or raise RATE_LIMIT_PER_ADDRESS where many hosts share it. Is it a proxy in front of vigia serve, set CLIENT_ADDRESS_HEADER.',
  failed_logins: 'Too many requests without a valid token came from this address; mend the token and wait.',
};

export class RequestLimits {
  readonly #buckets: Readonly<Record<LimitName, TokenBuckets>>;
  readonly #tally: () => Tally;

  constructor(tally: () => Tally, maxCallers = MAX_CALLERS) {
    this.#tally = tally;
    const bucketsOf = (limit: LimitName): TokenBuckets =>
      new TokenBuckets(maxCallers, () => tally().add(DEPLOYMENT, 'ml_detector_rate_limit_forgotten_total', { limit }));
    this.#buckets = {
      token: bucketsOf('token'),
      address: bucketsOf('address'),
      failed_logins: bucketsOf('failed_logins'),
    };
  }

  /**
   * Counts a request of `caller` (null: nobody knows whose).
   * @returns how the bucket stands; null where nothing limits this one
   * @throws HttpProblem 429 where the bucket is empty
   */
  take(limit: LimitName, caller: string | null, quotas: Quotas, now_ms: number): Level | null {
    if (caller === null) return null;
    const quota = quotas[limit];
    const level = this.#buckets[limit].take(caller, quota ?? UNLIMITED, now_ms);
    return quota === null ? null : this.#passed(limit, level, quota);
  }

  /** Whether the next `take` would throw. */
  isSpent(limit: LimitName, caller: string | null, quotas: Quotas, now_ms: number): boolean {
    const quota = quotas[limit];
    return quota !== null && caller !== null && !this.#buckets[limit].look(caller, quota, now_ms).allowed;
  }

  /** Whether `caller` was let through lately. */
  knows(limit: LimitName, caller: string): boolean {
    return this.#buckets[limit].has(caller);
  }

  /** How many are remembered now. */
  callers(limit: LimitName): number {
    return this.#buckets[limit].size;
  }

  #passed(limit: LimitName, level: Level, quota: Quota): Level {
    if (level.allowed) return level;
    this.#tally().add(DEPLOYMENT, 'ml_detector_rate_limited_total', { limit });
    const headers = { 'retry-after': String(Math.max(1, level.next_s)), ...quotaHeaders(limit, quota, level) };
    throw new HttpProblem(429, SLOWER[limit], { headers });
  }
}

/** As draft-ietf-httpapi-ratelimit-headers-09 has them: the window of a bucket is the time in which it fills. */
export function quotaHeaders(
  limit: LimitName,
  { perSecond, burst }: Quota,
  { remaining, full_s }: Level,
): Record<string, string> {
  return {
    'ratelimit-policy': `"${limit}";q=${Math.floor(burst)};w=${Math.ceil(burst / perSecond)}`,
    ratelimit: `"${limit}";r=${remaining};t=${full_s}`,
  };
}
