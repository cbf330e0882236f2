/** Empties a sources map and keeps its busiest addresses. */
import { MAX_SOURCES, type Source } from '../../contract/network-window.ts';
import { formatAddress } from './address.ts';
import { linearCount, popCount } from './cardinality.ts';
import { ADDRESS_BYTES, SOURCE, SOURCE_PORT_BITS, SOURCE_PORTS } from './layout.ts';
import { KernelError, kernel } from './libbpf.ts';

const FIRST_BATCH = 1024;
const ENOENT = 2;
const ENOSPC = 28;

interface Entry {
  packets: number;
  bytes: number;
  key: Uint8Array;
  source: Source;
}

/** @param address 16 bytes, only valid during the call */
export type OnOpened = (address: Uint8Array, ports: readonly number[]) => void;

/** Reads a `struct source`; `at` is its first byte. */
export function readSource(values: DataView, at: number, ip: string): Source {
  const kept = values.getUint32(at + SOURCE.port_count, true);
  let set = 0;
  for (let word = 0; word < SOURCE_PORT_BITS / 32; word++)
    set += popCount(values.getUint32(at + SOURCE.port_bits + 4 * word, true));
  return {
    ip,
    packets: count(values, at + SOURCE.packets),
    bytes: count(values, at + SOURCE.bytes) + count(values, at + SOURCE.bytes + 8),
    syn_packets: values.getUint32(at + SOURCE.syn_packets, true),
    unique_ports:
      kept <= SOURCE_PORTS ? kept : Math.max(SOURCE_PORTS + 1, Math.round(linearCount(set, SOURCE_PORT_BITS))),
  };
}

const count = (view: DataView, at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;

/** Reads in batches into buffers that are used again; only an address that gets among the busiest costs an object. */
export class TopSources {
  #room = FIRST_BATCH;
  #keys = new Uint8Array(0);
  #values = new DataView(new ArrayBuffer(0));
  readonly #count = new Uint32Array(1);
  readonly #from = new Uint8Array(ADDRESS_BYTES);
  readonly #next = new Uint8Array(ADDRESS_BYTES);

  constructor() {
    this.#makeRoom(FIRST_BATCH);
  }

  /**
   * @param onOpened called for each address that opened conversations, with up to 16 of their ports
   * @returns how many addresses the map held, and the busiest in order
   * @throws KernelError
   */
  take(map: number, onOpened: OnOpened): { addresses: number; sources: Source[] } {
    const top: Entry[] = [];
    let addresses = 0;
    let started = false;
    for (;;) {
      this.#count[0] = this.#room;
      const from = started ? this.#from : null;
      const result = kernel().takeBatch(map, from, this.#next, this.#keys, this.#values, this.#count);
      // One bucket of the kernel's hash table must fit as a whole.
      if (result === -ENOSPC) {
        this.#makeRoom(this.#room * 2);
        continue;
      }
      if (result < 0 && result !== -ENOENT) throw new KernelError('bpf_map_lookup_and_delete_batch', -result);
      const taken = this.#count[0];
      addresses += taken;
      for (let i = 0; i < taken; i++) {
        this.#consider(top, i);
        this.#tellOpened(i, onOpened);
      }
      if (result === -ENOENT) return { addresses, sources: top.map(({ source }) => source) };
      started = true;
      this.#from.set(this.#next);
    }
  }

  #tellOpened(index: number, onOpened: OnOpened): void {
    const at = index * SOURCE.size;
    const kept = Math.min(this.#values.getUint32(at + SOURCE.port_count, true), SOURCE_PORTS);
    if (kept === 0) return;
    const ports = Array.from({ length: kept }, (_, i) => this.#values.getUint16(at + SOURCE.ports + 2 * i, true));
    onOpened(this.#keys.subarray(index * ADDRESS_BYTES, (index + 1) * ADDRESS_BYTES), ports);
  }

  #makeRoom(entries: number): void {
    this.#room = entries;
    this.#keys = new Uint8Array(entries * ADDRESS_BYTES);
    this.#values = new DataView(new ArrayBuffer(entries * SOURCE.size));
  }

  #consider(top: Entry[], index: number): void {
    const at = index * SOURCE.size;
    const packets = count(this.#values, at + SOURCE.packets);
    const last = top[MAX_SOURCES - 1];
    if (last && packets < last.packets) return;
    const bytes = count(this.#values, at + SOURCE.bytes) + count(this.#values, at + SOURCE.bytes + 8);
    const keyAt = index * ADDRESS_BYTES;
    if (last && !this.#precedes(packets, bytes, keyAt, last)) return;
    const place = top.findIndex((entry) => this.#precedes(packets, bytes, keyAt, entry));
    const key = this.#keys.slice(keyAt, keyAt + ADDRESS_BYTES);
    const entry = { packets, bytes, key, source: readSource(this.#values, at, formatAddress(key)) };
    top.splice(place < 0 ? top.length : place, 0, entry);
    if (top.length > MAX_SOURCES) top.pop();
  }

  #precedes(packets: number, bytes: number, keyAt: number, other: Entry): boolean {
    if (packets !== other.packets) return packets > other.packets;
    if (bytes !== other.bytes) return bytes > other.bytes;
    for (let i = 0; i < ADDRESS_BYTES; i++) {
      const difference = (this.#keys[keyAt + i] ?? 0) - (other.key[i] ?? 0);
      if (difference !== 0) return difference < 0;
    }
    return false;
  }
}
