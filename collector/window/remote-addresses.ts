/** The remote addresses of one window: how many, and which are the busiest. */
import { MAX_SOURCES, type Source } from '../../contract/network-window.ts';
import { formatAddress } from '../kernel/address.ts';
import { hyperLogLog } from '../kernel/cardinality.ts';
import { mix } from './conversations.ts';

const CAPACITY = 16_384;
const INDEX_SLOTS = 2 * CAPACITY;
const REGISTERS = 4096;
/** Pairs of address and port that are told apart in a window; past them `unique_ports` of a source is a floor. */
const MAX_PORT_PAIRS = 1 << 20;
const NONE = -1;

/** Used again for every window. */
export class RemoteAddresses {
  #size = 0;
  /** Frames whose address found no room. */
  notTracked = 0;
  /** Conversations whose port was not looked at, since there were too many pairs. */
  portsNotCounted = 0;
  /** Hash slot → entry + 1; 0 is free. */
  readonly #index = new Uint16Array(INDEX_SLOTS);
  readonly #words = new Uint32Array(CAPACITY * 4);
  readonly #packets = new Float64Array(CAPACITY);
  readonly #bytes = new Float64Array(CAPACITY);
  readonly #syns = new Uint32Array(CAPACITY);
  readonly #ports = new Uint32Array(CAPACITY);
  #portPairs = new Set<number>();
  /** In use once an address found no room. */
  #registers: Uint8Array | null = null;

  clear(): void {
    if (this.#size === 0) return;
    this.#index.fill(0);
    this.#size = 0;
    this.#registers = null;
    if (this.#portPairs.size > 0) this.#portPairs = new Set();
  }

  /** Counts a frame for the address at `addresses[at..at + 3]`. @returns its entry for `addSyn` and `addPort`; -1 without room */
  add(addresses: Uint32Array, at: number, bytes: number): number {
    const hash = hashAddress(addresses, at);
    const entry = this.#find(addresses, at, hash);
    if (this.#registers) addToRegisters(this.#registers, hash, addresses, at);
    if (entry === NONE) {
      this.notTracked++;
      return NONE;
    }
    this.#packets[entry]! += 1;
    this.#bytes[entry]! += bytes;
    return entry;
  }

  addSyn(entry: number): void {
    this.#syns[entry]! += 1;
  }

  /** Counts the port of a conversation that the address opened. */
  addPort(entry: number, port: number): void {
    if (this.#portPairs.size >= MAX_PORT_PAIRS) {
      this.portsNotCounted++;
      return;
    }
    const before = this.#portPairs.size;
    this.#portPairs.add(entry * 65_536 + port);
    if (this.#portPairs.size > before) this.#ports[entry]! += 1;
  }

  /** Exact until an address found no room, then an estimate. */
  unique(): number {
    return this.#registers ? Math.max(this.#size, Math.round(hyperLogLog(this.#registers))) : this.#size;
  }

  /** Each address that opened conversations, as 16 bytes, with one of their ports: once for each pair. */
  *opened(): Generator<readonly [address: Uint8Array, port: number]> {
    for (const pair of this.#portPairs) yield [this.#bytesOf(Math.floor(pair / 65_536)), pair % 65_536];
  }

  /** The busiest: most packets, then most bytes, then the lower address. */
  busiest(): Source[] {
    const top: number[] = [];
    for (let entry = 0; entry < this.#size; entry++) {
      if (top.length === MAX_SOURCES && !this.#precedes(entry, top[MAX_SOURCES - 1]!)) continue;
      let place = top.length;
      while (place > 0 && this.#precedes(entry, top[place - 1]!)) place--;
      top.splice(place, 0, entry);
      if (top.length > MAX_SOURCES) top.pop();
    }
    return top.map((entry) => ({
      ip: this.#text(entry),
      packets: this.#packets[entry]!,
      bytes: this.#bytes[entry]!,
      syn_packets: this.#syns[entry]!,
      unique_ports: this.#ports[entry]!,
    }));
  }

  #find(addresses: Uint32Array, at: number, hash: number): number {
    const words = this.#words;
    for (let slot = hash & (INDEX_SLOTS - 1); ; slot = (slot + 1) & (INDEX_SLOTS - 1)) {
      const entry = this.#index[slot]! - 1;
      if (entry === NONE) return this.#admit(slot, addresses, at);
      const own = entry * 4;
      if (
        words[own + 3] === addresses[at + 3] &&
        words[own + 2] === addresses[at + 2] &&
        words[own + 1] === addresses[at + 1] &&
        words[own] === addresses[at]
      )
        return entry;
    }
  }

  #admit(slot: number, addresses: Uint32Array, at: number): number {
    if (this.#size === CAPACITY) {
      this.#registers ??= this.#registersOfAll();
      return NONE;
    }
    const entry = this.#size++;
    this.#index[slot] = entry + 1;
    for (let i = 0; i < 4; i++) this.#words[entry * 4 + i] = addresses[at + i]!;
    this.#packets[entry] = this.#bytes[entry] = 0;
    this.#syns[entry] = this.#ports[entry] = 0;
    return entry;
  }

  #registersOfAll(): Uint8Array {
    const registers = new Uint8Array(REGISTERS);
    for (let entry = 0; entry < this.#size; entry++)
      addToRegisters(registers, hashAddress(this.#words, entry * 4), this.#words, entry * 4);
    return registers;
  }

  #precedes(one: number, other: number): boolean {
    if (this.#packets[one] !== this.#packets[other]) return this.#packets[one]! > this.#packets[other]!;
    if (this.#bytes[one] !== this.#bytes[other]) return this.#bytes[one]! > this.#bytes[other]!;
    for (let i = 0; i < 4; i++) {
      const difference = this.#words[one * 4 + i]! - this.#words[other * 4 + i]!;
      if (difference !== 0) return difference < 0;
    }
    return false;
  }

  #text(entry: number): string {
    return formatAddress(this.#bytesOf(entry));
  }

  #bytesOf(entry: number): Uint8Array {
    const bytes = new DataView(new ArrayBuffer(16));
    for (let i = 0; i < 4; i++) bytes.setUint32(4 * i, this.#words[entry * 4 + i]!);
    return new Uint8Array(bytes.buffer);
  }
}

function hashAddress(words: Uint32Array, at: number): number {
  return mix(mix(mix(mix(words[at]!) ^ words[at + 1]!) ^ words[at + 2]!) ^ words[at + 3]!);
}

/** Leading zeros of a second hash, plus one, into the register that the first one names (Flajolet et al. 2007). */
function addToRegisters(registers: Uint8Array, hash: number, words: Uint32Array, at: number): void {
  const second = mix(hash ^ Math.imul(words[at + 3]! ^ words[at]!, 0x9e3779b1));
  const register = hash & (REGISTERS - 1);
  const rank = Math.clz32(second) + 1;
  if (rank > registers[register]!) registers[register] = rank;
}
