/** The revoked tokens as an isolate knows them: read anew within half a minute, and never passed over in silence. */
import type { ObjectStore } from '../storage/object-store.ts';
import { readRevoked } from '../storage/revoked-tokens.ts';

/** A revocation holds everywhere within this time and one read. */
const REVALIDATE_MS = 30_000;

export class Revocations {
  #ids: ReadonlySet<string> | null = null;
  #etag: string | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param id of the token that asks
   * @throws whatever storage throws where the list was never read: without it nobody can be told from a revoked one
   */
  async isRevoked(id: string, store: ObjectStore, now: number): Promise<boolean> {
    if (now - this.#checkedAt >= REVALIDATE_MS) {
      const before = this.#checkedAt;
      this.#checkedAt = now; // the others go on with what is known while this one reads
      try {
        await this.#read(store);
      } catch (error) {
        this.#checkedAt = before;
        if (this.#ids === null) throw error;
        console.error(JSON.stringify({ level: 'error', event: 'revocations_not_read', message: String(error) }));
      }
    }
    if (this.#ids === null) await this.#read(store);
    return this.#ids?.has(id) ?? false;
  }

  async #read(store: ObjectStore): Promise<void> {
    const read = await readRevoked(store, this.#ids === null ? undefined : this.#etag);
    if (read === 'unchanged') return;
    this.#ids = new Set(read?.revoked.map(({ id }) => id));
    this.#etag = read?.etag;
  }
}
