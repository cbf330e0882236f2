/** Token buckets, one a caller, in bounded memory: the caller that was silent longest makes room for a new one. */

/** What a caller may ask for: `burst` requests at once, and `perSecond` for as long as it likes. */
export interface Quota {
  readonly perSecond: number;
  readonly burst: number;
}

/** How a bucket stands. */
export interface Level {
  /** False: it was empty, and nothing was taken. */
  readonly allowed: boolean;
  /** Whole requests that are left. */
  readonly remaining: number;
  /** Seconds until the bucket is full again, where nothing is asked for. */
  readonly full_s: number;
  /** Seconds until the next request may come; 0 where it may now. */
  readonly next_s: number;
}

interface Bucket {
  tokens: number;
  /** Of `tokens`. */
  at_ms: number;
}

export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #max: number;
  readonly #onForgotten: () => void;

  /**
   * @param max callers that are remembered
   * @param onForgotten called where a bucket that was not full had to make room: its caller starts anew
   */
  constructor(max: number, onForgotten: () => void = () => {}) {
    this.#max = max;
    this.#onForgotten = onForgotten;
  }

  /** Callers that are remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one request out of the caller's bucket, where there is one left. */
  take(key: string, quota: Quota, now_ms: number): Level {
    const tokens = this.#tokens(key, quota, now_ms);
    const left = tokens >= 1 ? tokens - 1 : tokens;
    this.#buckets.delete(key); // the latest stands last
    this.#buckets.set(key, { tokens: left, at_ms: now_ms });
    if (this.#buckets.size > this.#max) this.#forgetOldest(quota, now_ms);
    return levelOf(left, tokens >= 1, quota);
  }

  /** How the caller's bucket stands; takes nothing. */
  look(key: string, quota: Quota, now_ms: number): Level {
    const tokens = this.#tokens(key, quota, now_ms);
    return levelOf(tokens, tokens >= 1, quota);
  }

  /** Whether the caller is remembered. */
  has(key: string): boolean {
    return this.#buckets.has(key);
  }

  #tokens(key: string, quota: Quota, now_ms: number): number {
    const bucket = this.#buckets.get(key);
    return bucket === undefined ? quota.burst : refilled(bucket, quota, now_ms);
  }

  #forgetOldest(quota: Quota, now_ms: number): void {
    for (const [key, bucket] of this.#buckets) {
      this.#buckets.delete(key);
      if (refilled(bucket, quota, now_ms) < quota.burst) this.#onForgotten();
      return;
    }
  }
}

function refilled({ tokens, at_ms }: Bucket, { perSecond, burst }: Quota, now_ms: number): number {
  const passed_s = Math.max(0, now_ms - at_ms) / 1000; // a clock that was set back refills nothing
  return Math.min(burst, tokens + passed_s * perSecond);
}

function levelOf(tokens: number, allowed: boolean, { perSecond, burst }: Quota): Level {
  return {
    allowed,
    remaining: Math.floor(tokens),
    full_s: Math.ceil((burst - tokens) / perSecond),
    next_s: tokens >= 1 ? 0 : Math.ceil((1 - tokens) / perSecond),
  };
}
