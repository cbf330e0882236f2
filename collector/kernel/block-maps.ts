/** The block list and the allowlist of one loaded program: what stands in the kernel's maps. */
import { BLOCK, PREFIX } from './layout.ts';
import { ENOENT, kernel } from './libbpf.ts';
import type { Program } from './program.ts';

/** What an entry dropped, or would have in a dry run. */
export interface Dropped {
  readonly packets: number;
  readonly bytes: number;
}

/** An address or a network. */
export interface Prefix {
  /** One text for each, however it was written. */
  readonly text: string;
  /** struct prefix */
  readonly key: Uint8Array;
}

type Needed = Pick<Program, 'maps' | 'blockCount' | 'holdsUntil'>;

const ANYTHING = new Uint32Array([1]);

export const keyText = (key: Uint8Array): string =>
  Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');

export class BlockMaps {
  readonly #program: Needed;
  /** What stands there: a look-up finds the network around an address too, so the kernel cannot be asked. */
  readonly #blocked = new Set<string>();
  readonly #value = new BigUint64Array(BLOCK.size / 8);
  readonly #view = new DataView(this.#value.buffer);

  constructor(program: Needed) {
    this.#program = program;
  }

  /** Blocks hold until then, by the monotonic clock, unless this is called again: of a collector that hangs or was killed, nothing is blocked. */
  hold(until_ns: bigint): void {
    this.#program.holdsUntil[0] = until_ns;
  }

  /**
   * Drops what comes from these addresses from now on.
   * @param until_ns by the monotonic clock
   * @param enforced false: only counted
   * @throws KernelError
   */
  block(prefix: Prefix, until_ns: bigint, enforced: boolean): void {
    const before = this.dropped(prefix);
    this.#value.fill(0n);
    this.#value[BLOCK.until_ns / 8] = until_ns;
    this.#value[BLOCK.packets / 8] = BigInt(before?.packets ?? 0);
    this.#value[BLOCK.bytes / 8] = BigInt(before?.bytes ?? 0);
    this.#view.setUint32(BLOCK.enforced, enforced ? 1 : 0, true);
    kernel().update(this.#program.maps.blocked, prefix.key, this.#value);
    this.#blocked.add(prefix.text);
    this.#program.blockCount[0] = this.#blocked.size;
  }

  /** Ends a block; does nothing where there is none. */
  unblock({ text, key }: Prefix): void {
    if (!this.#blocked.delete(text)) return;
    kernel().remove(this.#program.maps.blocked, key);
    this.#program.blockCount[0] = this.#blocked.size;
  }

  /** Null where there is no such entry. */
  dropped({ text, key }: Prefix): Dropped | null {
    if (!this.#blocked.has(text) || !kernel().lookupIfThere(this.#program.maps.blocked, key, this.#value)) return null;
    return {
      packets: Number(this.#value[BLOCK.packets / 8]),
      bytes: Number(this.#value[BLOCK.bytes / 8]),
    };
  }

  /**
   * Adds what every entry dropped to `sums`, by its key in latin1; in one call where the kernel reads batches of a trie, since Linux 5.13.
   * @returns whether it does
   */
  addAllDropped(sums: Map<string, { packets: number; bytes: number }>): boolean {
    const room = this.#blocked.size;
    if (room === 0) return true;
    const [keys, values] = [Buffer.alloc(room * PREFIX.size), Buffer.alloc(room * BLOCK.size)];
    const count = new Uint32Array([room]);
    const result = kernel().readBatch(this.#program.maps.blocked, Buffer.alloc(PREFIX.size), keys, values, count);
    if (result !== 0 && result !== -ENOENT) return false;
    for (let i = 0; i < (count[0] ?? 0); i++) {
      const packets = Number(values.readBigUInt64LE(i * BLOCK.size + BLOCK.packets));
      // Most entries dropped nothing.
      if (packets === 0) continue;
      const sum = sums.get(keyText(keys.subarray(i * PREFIX.size, (i + 1) * PREFIX.size)));
      if (!sum) continue;
      sum.packets += packets;
      sum.bytes += Number(values.readBigUInt64LE(i * BLOCK.size + BLOCK.bytes));
    }
    return true;
  }

  /** From now on nothing from these addresses is dropped, whatever is blocked. @throws KernelError */
  allow({ key }: Prefix): void {
    kernel().update(this.#program.maps.allowed, key, ANYTHING);
  }

  disallow({ key }: Prefix): void {
    kernel().remove(this.#program.maps.allowed, key);
  }
}
