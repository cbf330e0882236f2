/** Which conversations are known, and which frame opens one: the table of docs/window.md. */
import { type Packet, PROTOCOL, TCP } from './packet.ts';

const SLOTS = 8;
const BUCKETS = { tcp: 8192, udp: 4096, halfOpen: 4096 } as const;
/** RFC 4787, REQ-5; also how recent a conversation is whose loss counts. */
const UDP_LIFETIME_US = 120e6;
const FOREVER = Number.POSITIVE_INFINITY;
/** Two endpoints of five words each: address and port. */
const KEY_WORDS = 10;
const NEVER = -1;

/** A bounded set of conversations in buckets of eight; the longest silent one of a bucket makes room. */
class Cache {
  readonly #buckets: number;
  readonly #lifetime_us: number;
  readonly #keys: Uint32Array;
  readonly #lastSeen_us: Float64Array;
  evicted = 0;

  /** @param buckets a power of two */
  constructor(buckets: number, lifetime_us: number) {
    this.#buckets = buckets;
    this.#lifetime_us = lifetime_us;
    this.#keys = new Uint32Array(buckets * SLOTS * KEY_WORDS);
    this.#lastSeen_us = new Float64Array(buckets * SLOTS).fill(NEVER);
  }

  /** Whether the conversation is known; renews it, and with `remember` takes it in. */
  recall(key: Uint32Array, hash: number, now_us: number, remember: boolean): boolean {
    const first = (hash & (this.#buckets - 1)) * SLOTS;
    let oldest = first;
    for (let slot = first; slot < first + SLOTS; slot++) {
      const seen_us = this.#lastSeen_us[slot]!;
      if (seen_us !== NEVER && this.#holds(slot, key)) {
        this.#lastSeen_us[slot] = now_us;
        return now_us - seen_us <= this.#lifetime_us;
      }
      if (seen_us < this.#lastSeen_us[oldest]!) oldest = slot;
    }
    if (remember) this.#put(oldest, key, now_us);
    return false;
  }

  #holds(slot: number, key: Uint32Array): boolean {
    const at = slot * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.#keys[at + i] !== key[i]) return false;
    return true;
  }

  #put(slot: number, key: Uint32Array, now_us: number): void {
    const seen_us = this.#lastSeen_us[slot]!;
    if (seen_us !== NEVER && now_us - seen_us <= UDP_LIFETIME_US) this.evicted++;
    this.#keys.set(key, slot * KEY_WORDS);
    this.#lastSeen_us[slot] = now_us;
  }
}

export class Conversations {
  readonly #tcp = new Cache(BUCKETS.tcp, FOREVER);
  readonly #udp = new Cache(BUCKETS.udp, UDP_LIFETIME_US);
  readonly #halfOpen = new Cache(BUCKETS.halfOpen, FOREVER);
  readonly #key = new Uint32Array(KEY_WORDS);

  /** Conversations pushed out within 120 s of their last frame. */
  get evicted(): number {
    return this.#tcp.evicted + this.#udp.evicted + this.#halfOpen.evicted;
  }

  /** Whether the packet opens a conversation. It must have ports; `now_us` never steps back. */
  opens(packet: Packet, now_us: number): boolean {
    const { tcpFlags } = packet;
    if (packet.protocol === PROTOCOL.udp) return !this.#udp.recall(this.#key, this.#identify(packet), now_us, true);
    if (tcpFlags & TCP.rst) return false;
    if (tcpFlags & TCP.syn) {
      if (tcpFlags & TCP.ack) return false;
      this.#halfOpen.recall(this.#key, this.#identify(packet), now_us, true);
      return true;
    }
    if (!(tcpFlags & TCP.ack)) return true;
    const hash = this.#identify(packet);
    if (this.#tcp.recall(this.#key, hash, now_us, true)) return false;
    if (packet.payloadBytes > 0 || packet.destinationPort >= packet.sourcePort) return false;
    return !this.#halfOpen.recall(this.#key, hash, now_us, false);
  }

  /** Writes the key, the lower endpoint first. @returns its hash */
  #identify({ addresses, sourcePort, destinationPort }: Packet): number {
    const key = this.#key;
    const swap = isHigher(addresses, sourcePort, destinationPort);
    const lower = swap ? 4 : 0;
    const higher = swap ? 0 : 4;
    for (let i = 0; i < 4; i++) {
      key[i] = addresses[lower + i]!;
      key[5 + i] = addresses[higher + i]!;
    }
    key[4] = swap ? destinationPort : sourcePort;
    key[9] = swap ? sourcePort : destinationPort;
    let hash = 0;
    for (let i = 0; i < KEY_WORDS; i++) hash = mix(hash ^ key[i]!);
    return hash;
  }
}

function isHigher(addresses: Uint32Array, sourcePort: number, destinationPort: number): boolean {
  for (let i = 0; i < 4; i++) {
    const source = addresses[i]!;
    const destination = addresses[i + 4]!;
    if (source !== destination) return source > destination;
  }
  return sourcePort > destinationPort;
}

/** The 32-bit finalizer of MurmurHash3 (Appleby, public domain), with an odd constant added so that 0 moves too. */
export function mix(value: number): number {
  let x = (value + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
