/** The block list: what is dropped, until when and why; every entry stands in the maps of every interface that is watched. */
import { type BlockMaps, type Dropped, keyText } from '../kernel/block-maps.ts';
import type { Clock } from '../sources/clock.ts';
import { type AddressRange, contains, isSingle, isVast } from './address-range.ts';
import { type AllowedBecause, Allowlist, type Found } from './allowlist.ts';
import type { UsualTraffic } from './usual-traffic.ts';

export const BLOCK_ORIGINS = ['verdict', 'hand', 'webhook'] as const;
export type BlockOrigin = (typeof BLOCK_ORIGINS)[number];

export interface BlockRequest {
  readonly range: AddressRange;
  readonly for_s: number;
  readonly reason: string;
  readonly origin: BlockOrigin;
  /** By hand: also where the range is vast, or has more of the usual traffic than a block may take. */
  readonly force?: boolean;
}

export interface Block {
  readonly range: AddressRange;
  readonly until_ms: number;
  readonly until_ns: bigint;
  readonly reason: string;
  readonly origin: BlockOrigin;
  /** False: only counted, as in a dry run. */
  readonly enforced: boolean;
}

export const REFUSALS = ['allowed', 'full', 'too_wide', 'too_much_traffic'] as const;
export type Refusal = (typeof REFUSALS)[number];

/** A range is not blocked; `refusal` says which guard held, the message what to do. */
export class BlockRefusedError extends Error {
  override readonly name = 'BlockRefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal, message: string) {
    super(message);
    this.refusal = refusal;
  }
}

export interface BlockLimits {
  /** Whether verdicts and webhooks drop; else they are only counted. What is blocked by hand is dropped. */
  readonly enforced: boolean;
  readonly maxEntries: number;
  /** Share of the usual traffic that all blocks together may take, 0..1. */
  readonly maxTrafficShare: number;
}

/** A collector that has no processor for so long is not there to let anybody in again. */
const HOLDS_FOR_NS = 15_000_000_000n;
const READ_ONCE_IN_NS = 1_000_000_000n;

export class BlockList {
  limits: BlockLimits;
  readonly allowlist = new Allowlist();
  readonly refused: Record<Refusal, number> = { allowed: 0, full: 0, too_wide: 0, too_much_traffic: 0 };
  readonly #usual: UsualTraffic;
  readonly #clock: Clock;
  readonly #blocks = new Map<string, Block>();
  readonly #interfaces = new Set<BlockMaps>();
  #droppedBefore = { packets: 0, bytes: 0 };
  /** What each entry dropped, as it was read last; null where it changed since. */
  #reading: { readonly read_ns: bigint; readonly dropped: ReadonlyMap<string, Dropped> } | null = null;

  constructor(limits: BlockLimits, usual: UsualTraffic, clock: Clock) {
    this.limits = limits;
    this.#usual = usual;
    this.#clock = clock;
  }

  get entries(): readonly Block[] {
    return [...this.#blocks.values()];
  }

  /**
   * Blocks, or renews a block; an earlier end of the same range is never brought forward.
   * @throws BlockRefusedError where a guard holds
   */
  block({ range, for_s, reason, origin, force = false }: BlockRequest): Block {
    const before = this.#blocks.get(range.text);
    this.#guard({ range, origin, force }, before !== undefined);
    const until_ms = this.#clock.wall_ms() + for_s * 1000;
    const until_ns = this.#clock.monotonic_ns() + BigInt(Math.round(for_s * 1e9));
    const isLonger = !before || until_ns > before.until_ns;
    const block: Block = {
      range,
      until_ms: isLonger ? until_ms : before.until_ms,
      until_ns: isLonger ? until_ns : before.until_ns,
      reason,
      origin,
      enforced: origin === 'hand' || this.limits.enforced || (before?.enforced ?? false),
    };
    this.#blocks.set(range.text, block);
    this.#reading = null;
    this.#write(block);
    return block;
  }

  /** @returns whether it was blocked */
  unblock(range: AddressRange): boolean {
    const block = this.#blocks.get(range.text);
    if (!block) return false;
    const { packets, bytes } = this.dropped(block);
    this.#droppedBefore = { packets: this.#droppedBefore.packets + packets, bytes: this.#droppedBefore.bytes + bytes };
    this.#blocks.delete(range.text);
    this.#reading = null;
    for (const maps of this.#interfaces) maps.unblock(range);
    this.#rewriteWithin(range);
    return true;
  }

  /** Takes a new list of what is allowed; what it holds is blocked no more. @returns what was unblocked, and why */
  allow(found: Found): { range: AddressRange; because: AllowedBecause }[] {
    const { came, went } = this.allowlist.replace(found);
    for (const maps of this.#interfaces) {
      for (const { range } of came) maps.allow(range);
      for (const { range } of went) maps.disallow(range);
    }
    return this.entries.flatMap(({ range }) => {
      const because = this.allowlist.reasonFor(range);
      if (because === null) return [];
      this.unblock(range);
      return [{ range, because }];
    });
  }

  /**
   * Forgets what is over, and lets the rest hold for another while; to be called every second.
   * The kernel goes by its own clock, so nothing is dropped longer where this comes late, and nothing at all where it comes no more.
   */
  expire(): void {
    const now_ns = this.#clock.monotonic_ns();
    for (const maps of this.#interfaces) maps.hold(now_ns + HOLDS_FOR_NS);
    for (const { range, until_ns } of this.entries) if (until_ns <= now_ns) this.unblock(range);
  }

  /** An interface comes under watch: first what is allowed, then what is blocked. */
  attach(maps: BlockMaps): void {
    for (const { range } of this.allowlist.ranges) maps.allow(range);
    this.#interfaces.add(maps);
    for (const block of this.#blocks.values()) this.#writeTo(maps, block);
    maps.hold(this.#clock.monotonic_ns() + HOLDS_FOR_NS);
  }

  detach(maps: BlockMaps): void {
    for (const { range } of this.#blocks.values()) {
      const dropped = maps.dropped(range);
      this.#droppedBefore.packets += dropped?.packets ?? 0;
      this.#droppedBefore.bytes += dropped?.bytes ?? 0;
    }
    this.#interfaces.delete(maps);
    this.#reading = null;
  }

  /** What an entry has dropped on all interfaces, or would have. */
  dropped({ range }: Block): Dropped {
    let packets = 0;
    let bytes = 0;
    for (const maps of this.#interfaces) {
      const dropped = maps.dropped(range);
      packets += dropped?.packets ?? 0;
      bytes += dropped?.bytes ?? 0;
    }
    return { packets, bytes };
  }

  /** The same of every entry, by its range's text, read within the last second: that is thousands of entries on each of many interfaces. */
  droppedByEach(): ReadonlyMap<string, Dropped> {
    if (this.#reading && this.#clock.monotonic_ns() - this.#reading.read_ns < READ_ONCE_IN_NS)
      return this.#reading.dropped;
    return this.readDropped();
  }

  /** The same of this moment. */
  readDropped(): ReadonlyMap<string, Dropped> {
    const read_ns = this.#clock.monotonic_ns();
    const sums = new Map(this.entries.map(({ range }) => [keyText(range.key), { packets: 0, bytes: 0 }]));
    const readsBatches = [...this.#interfaces].every((maps) => maps.addAllDropped(sums));
    const dropped = new Map(
      this.entries.map((block) => {
        const sum = readsBatches ? sums.get(keyText(block.range.key)) : undefined;
        return [block.range.text, sum ?? this.dropped(block)];
      }),
    );
    this.#reading = { read_ns, dropped };
    return dropped;
  }

  /** Of all entries, those that are over included; of the latest reading. */
  totalDropped(): Dropped {
    let { packets, bytes } = this.#droppedBefore;
    for (const dropped of this.droppedByEach().values()) {
      packets += dropped.packets;
      bytes += dropped.bytes;
    }
    return { packets, bytes };
  }

  #guard({ range, origin, force }: Pick<BlockRequest, 'range' | 'origin' | 'force'>, isKnown: boolean): void {
    const because = this.allowlist.reasonFor(range);
    if (because !== null)
      this.#refuse('allowed', `${range.text} is on the allowlist (${because}): it is never blocked`);
    const { maxEntries, maxTrafficShare } = this.limits;
    if (!isKnown && this.#blocks.size >= maxEntries)
      this.#refuse('full', `the block list is full (${maxEntries} entries); unblock some, or block a network instead`);
    if (force) return;
    if (isVast(range))
      this.#refuse(
        'too_wide',
        `${range.text} is a large part of all addresses; block it by hand with --force if that is meant`,
      );
    if (origin !== 'hand' && !this.#usual.isKnown && !isSingle(range))
      this.#refuse(
        'too_wide',
        `${range.text} is a network, and what is usual on this host is known only some six minutes after the start: until then nothing but single addresses is blocked by a verdict or webhook; block it by hand if that is meant`,
      );
    const share = this.#usual.shareOf([...this.entries.map((block) => block.range), range]);
    if (share > maxTrafficShare && this.#usual.shareOf([range]) > 0)
      this.#refuse(
        'too_much_traffic',
        `with ${range.text} the block list would take ${Math.round(100 * share)} % of this host's usual traffic, more than ${Math.round(100 * maxTrafficShare)} %; block it by hand with --force if that is meant`,
      );
  }

  #refuse(refusal: Refusal, message: string): never {
    this.refused[refusal]++;
    throw new BlockRefusedError(refusal, message);
  }

  #write(block: Block): void {
    for (const maps of this.#interfaces) this.#writeTo(maps, block);
    this.#rewriteWithin(block.range);
  }

  /** The kernel looks at the narrowest entry only: what lies within a wider one must not end before it, nor be its dry run. */
  #rewriteWithin(range: AddressRange): void {
    for (const inner of this.#blocks.values()) {
      if (inner.range.bits <= range.bits || !contains(range, inner.range)) continue;
      for (const maps of this.#interfaces) this.#writeTo(maps, inner);
    }
  }

  #writeTo(maps: BlockMaps, block: Block): void {
    let { until_ns, enforced } = block;
    for (const outer of this.#blocks.values()) {
      if (outer.range.bits >= block.range.bits || !contains(outer.range, block.range)) continue;
      if (outer.enforced && (!enforced || outer.until_ns > until_ns)) until_ns = outer.until_ns;
      enforced ||= outer.enforced;
    }
    maps.block(block.range, until_ns, enforced);
  }
}
