/** How much of a host's usual traffic an address has, so that no block cuts off what the host lives from. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import { type AddressRange, addressRange, contains } from './address-range.ts';

/** What came in the last minutes is the attack itself, perhaps: it is usual only once it is older. */
const SETTLES_AFTER_MS = 5 * 60_000;
const SLICE_MS = 60_000;
/** What is older counts half of it. */
const HALF_LIFE_MS = 60 * 60_000;
/** Of each slice, and of what is usual; a flood brings ten new ones with every window of every interface. */
const MAX_ADDRESSES = 4096;

interface Slice {
  readonly start_ms: number;
  readonly bytes: Map<string, number>;
  total: number;
}

/** Knows the ten busiest addresses of every window, which is where traffic is. */
export class UsualTraffic {
  readonly #settling: Slice[] = [];
  readonly #usual = new Map<string, number>();
  #total = 0;

  saw(window: Pick<NetworkWindow, 'start' | 'bytes' | 'sources'>): void {
    const now_ms = Date.parse(window.start);
    this.#settle(now_ms);
    let slice = this.#settling.at(-1);
    if (!slice || now_ms - slice.start_ms >= SLICE_MS || now_ms < slice.start_ms) {
      slice = { start_ms: now_ms, bytes: new Map(), total: 0 };
      this.#settling.push(slice);
    }
    slice.total += window.bytes ?? 0;
    for (const { ip, bytes } of window.sources ?? []) add(slice.bytes, ip, bytes);
    keepBusiest(slice.bytes);
  }

  /** Whether anything is usual yet: some six minutes after the start. */
  get isKnown(): boolean {
    return this.#total > 0;
  }

  /** Share, 0..1, of the usual traffic that these addresses had; 0 where nothing is usual yet. */
  shareOf(ranges: readonly AddressRange[]): number {
    if (this.#total === 0 || ranges.length === 0) return 0;
    let bytes = 0;
    for (const [ip, usual] of this.#usual) {
      const address = addressRange(ip);
      if (ranges.some((range) => contains(range, address))) bytes += usual;
    }
    return Math.min(bytes / this.#total, 1);
  }

  #settle(now_ms: number): void {
    for (;;) {
      const [oldest] = this.#settling;
      if (!oldest) return;
      const age_ms = now_ms - oldest.start_ms;
      // A clock that was set back: what is ahead of it settles now.
      if (age_ms >= 0 && age_ms < SETTLES_AFTER_MS + SLICE_MS) return;
      this.#settling.shift();
      const kept = 0.5 ** (SLICE_MS / HALF_LIFE_MS);
      this.#total = this.#total * kept + oldest.total;
      for (const [ip, bytes] of this.#usual) this.#usual.set(ip, bytes * kept);
      for (const [ip, bytes] of oldest.bytes) add(this.#usual, ip, bytes);
      keepBusiest(this.#usual);
    }
  }
}

/** Beyond the bound half of it stays: one sort for many windows of a flood. */
function keepBusiest(sums: Map<string, number>): void {
  if (sums.size <= MAX_ADDRESSES) return;
  const leastFirst = [...sums].sort(([, one], [, other]) => one - other);
  for (const [ip] of leastFirst.slice(0, sums.size - MAX_ADDRESSES / 2)) sums.delete(ip);
}

const add = (sums: Map<string, number>, key: string, value: number): void =>
  void sums.set(key, (sums.get(key) ?? 0) + value);
