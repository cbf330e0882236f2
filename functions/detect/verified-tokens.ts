/** Tokens whose signature was found good not long ago, so that a collector's next post costs a hash and not a verification. */
import { sha256Hex } from '../http/sha256.ts';
import type { Access } from './authenticate.ts';

/** Tokens that an isolate remembers; some 300 bytes each. */
const MAX_TOKENS = 4_096;

export interface VerifiedToken {
  readonly access: Access & { readonly tokenId: string };
  /** Seconds since 1970; null: never. */
  readonly expires_s: number | null;
}

/** Known by their hash: what a lookup compares is nothing that a guesser could choose digit by digit. */
export class VerifiedTokens {
  readonly #entries = new Map<string, VerifiedToken>();
  readonly #max: number;
  #keys: readonly Uint8Array[] = [];

  constructor(max = MAX_TOKENS) {
    this.#max = max;
  }

  /** Null where the token must be verified: it was not by these keys, has ended since, or had to make room. */
  find(token: string, keys: readonly Uint8Array[], now_ms: number): VerifiedToken | null {
    if (keys !== this.#keys) {
      this.#entries.clear();
      this.#keys = keys;
    }
    const hash = sha256Hex(token);
    const entry = this.#entries.get(hash);
    if (entry === undefined) return null;
    this.#entries.delete(hash);
    if (entry.expires_s !== null && entry.expires_s <= Math.floor(now_ms / 1000)) return null;
    this.#entries.set(hash, entry); // the latest stands last
    return entry;
  }

  /** @param keys as `find` was asked with */
  keep(token: string, keys: readonly Uint8Array[], verified: VerifiedToken): void {
    if (keys !== this.#keys) return;
    this.#entries.set(sha256Hex(token), verified);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break;
      this.#entries.delete(oldest);
    }
  }
}
