/** The addresses of names, as they were last looked up with success: while name servers are down, nobody leaves the allowlist. */
import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** @returns addresses; rejects where there are none */
export type LookUp = (name: string) => Promise<readonly string[]>;

/** Names that are looked up at once, and addresses of each. */
const MAX_NAMES = 32;
const MAX_ADDRESSES = 64;
/** A look-up that takes longer goes on behind, and counts the next time. */
const WAIT_MS = 3000;

const ofSystem: LookUp = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

export class KnownNames {
  readonly #lookUp: LookUp;
  readonly #wait_ms: number;
  readonly #known = new Map<string, readonly string[]>();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(lookUp: LookUp = ofSystem, wait_ms = WAIT_MS) {
    this.#lookUp = lookUp;
    this.#wait_ms = wait_ms;
  }

  /**
   * Looks the names up anew. A name that is not asked for any more is forgotten.
   * @returns the addresses known, and the names that have none, those beyond the first 32 included
   */
  async addressesOf(names: readonly string[]): Promise<{ addresses: string[]; unknown: string[] }> {
    const asked = new Set(names.slice(0, MAX_NAMES));
    for (const name of this.#known.keys()) if (!asked.has(name)) this.#known.delete(name);
    const waiting = new AbortController();
    const all = Promise.all([...asked].map((name) => this.#learn(name)));
    await Promise.race([all, delay(this.#wait_ms, undefined, { signal: waiting.signal }).catch(() => {})]);
    waiting.abort();
    return {
      addresses: [...asked].flatMap((name) => this.#known.get(name) ?? []),
      unknown: names.filter((name) => !this.#known.has(name)),
    };
  }

  #learn(name: string): Promise<void> {
    const learned =
      this.#underWay.get(name) ??
      this.#lookUp(name)
        .then((addresses) => void this.#known.set(name, addresses.slice(0, MAX_ADDRESSES)))
        .catch(() => {})
        .finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, learned);
    return learned;
  }
}
