/** The revoked tokens as an isolate knows them: read anew within half a minute, and never passed over in silence. */
import type { Scope } from '../../contract/token.ts';
import { HttpProblem } from '../http/problem.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { readRevoked } from '../storage/revoked-tokens.ts';

/** A revocation holds everywhere within this time and one read. */
const REVALIDATE_MS = 30_000;
/** After a read that failed; a request that meets a storage that hangs waits for it. */
const RETRY_MS = 5_000;
/**
 * Who posts and who reads goes on with a list of any age, since attacks must be seen while storage is away. Whoever would change
 * something does not, once the list is older than an outage that mends itself.
 */
const LONGEST_MS: Readonly<Record<Scope, number>> = {
  ingest: Number.POSITIVE_INFINITY,
  read: Number.POSITIVE_INFINITY,
  train: 15 * 60_000,
  admin: 15 * 60_000,
};

export class Revocations {
  #ids: ReadonlySet<string> | null = null;
  #etag: string | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #nextReadAt = Number.NEGATIVE_INFINITY;
  readonly #failed: () => void;

  /** @param failed called for each read that failed */
  constructor(failed: () => void = () => {}) {
    this.#failed = failed;
  }

  /**
   * @param id of the token that asks
   * @param scope that the request needs
   * @throws HttpProblem 503 where the list was never read, or too long ago for this scope: nobody can be told from a revoked one
   */
  async isRevoked(id: string, scope: Scope, store: ObjectStore, now: number): Promise<boolean> {
    if (this.#ids === null || now - this.#readAt > LONGEST_MS[scope]) await this.#readOrRefuse(store, now);
    else if (now >= this.#nextReadAt) await this.#readQuietly(store, now);
    return this.#ids?.has(id) ?? false;
  }

  /** Since the list was read last, or found unchanged; null where it never was. */
  age_ms(now: number): number | null {
    return this.#ids === null ? null : Math.max(0, now - this.#readAt);
  }

  async #readOrRefuse(store: ObjectStore, now: number): Promise<void> {
    try {
      await this.#read(store, now);
    } catch (cause) {
      const age_ms = this.age_ms(now);
      const since =
        age_ms === null ? 'was never read here' : `was last read ${Math.round(age_ms / 60_000)} minutes ago`;
      throw new HttpProblem(
        503,
        `The list of revoked tokens ${since} and cannot be read now, so no token can be told from a revoked one for this. See that storage answers.`,
        { headers: { 'retry-after': '30' } },
        { cause },
      );
    }
  }

  async #readQuietly(store: ObjectStore, now: number): Promise<void> {
    this.#nextReadAt = now + REVALIDATE_MS; // the others go on with what is known while this one reads
    await this.#read(store, now).catch(() => undefined);
  }

  async #read(store: ObjectStore, now: number): Promise<void> {
    try {
      const read = await readRevoked(store, this.#ids === null ? undefined : this.#etag);
      if (read !== 'unchanged') {
        this.#ids = new Set(read?.revoked.map(({ id }) => id));
        this.#etag = read?.etag;
      }
      this.#readAt = now;
      this.#nextReadAt = now + REVALIDATE_MS;
    } catch (error) {
      this.#nextReadAt = now + RETRY_MS;
      this.#failed();
      console.error(JSON.stringify({ level: 'error', event: 'revocations_not_read', message: String(error) }));
      throw error;
    }
  }
}
