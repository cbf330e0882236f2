/** Which addresses are the captured host's own, so that frames of a capture have a direction. */
import ipaddr from 'ipaddr.js';

/** A network prefix over the four words of an address. */
export interface Prefix {
  readonly words: Uint32Array;
  readonly masks: Uint32Array;
}

/** A prefix that cannot be read. */
export class InvalidPrefixError extends Error {
  override readonly name = 'InvalidPrefixError';
  readonly prefix: string;

  constructor(prefix: string) {
    super(
      `--local ${JSON.stringify(prefix.slice(0, 64))} is no address or network; write it as 192.0.2.7 or 2001:db8::/32`,
    );
    this.prefix = prefix;
  }
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::1` and the like.
 * @throws InvalidPrefixError
 */
export function parsePrefix(text: string): Prefix {
  try {
    const [address, bits] = text.includes('/') ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), null];
    const mapped = address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress() : address;
    const length = bits === null ? 128 : address instanceof ipaddr.IPv4 ? bits + 96 : bits;
    return toPrefix(mapped.toByteArray(), length);
  } catch {
    throw new InvalidPrefixError(text);
  }
}

/** The prefix of one address, as the words of a packet hold it. */
export function addressPrefix(addresses: Uint32Array, at: number): Prefix {
  return { words: addresses.slice(at, at + 4), masks: new Uint32Array(4).fill(0xffffffff) };
}

function toPrefix(bytes: readonly number[], length: number): Prefix {
  const view = new DataView(new Uint8Array(bytes).buffer);
  const masks = Uint32Array.from([0, 1, 2, 3], (word) => {
    const bits = Math.min(Math.max(length - 32 * word, 0), 32);
    return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  });
  return { words: Uint32Array.from([0, 1, 2, 3], (word) => (view.getUint32(4 * word) & masks[word]!) >>> 0), masks };
}

/** Addresses that count as the captured host's own. */
export class LocalSide {
  readonly #prefixes: readonly Prefix[];

  constructor(prefixes: readonly Prefix[]) {
    this.#prefixes = prefixes;
  }

  /** False where nothing is known, so that every frame comes in. */
  get known(): boolean {
    return this.#prefixes.length > 0;
  }

  /** Whether the address at `addresses[at..at + 3]` is local. */
  has(addresses: Uint32Array, at: number): boolean {
    for (const { words, masks } of this.#prefixes) {
      if (
        (addresses[at + 3]! & masks[3]!) >>> 0 === words[3] &&
        (addresses[at + 2]! & masks[2]!) >>> 0 === words[2] &&
        (addresses[at + 1]! & masks[1]!) >>> 0 === words[1] &&
        (addresses[at]! & masks[0]!) >>> 0 === words[0]
      )
        return true;
    }
    return false;
  }
}
