/** Blocking as a whole: verdicts, webhooks and hands on one side, the kernel's maps on the other, the allowlist between them. */
import type { Logger } from 'pino';
import type { WebhookEvent } from '../../contract/webhook-event.ts';
import type { Verdict } from '../delivery/poster.ts';
import type { BlockMaps } from '../kernel/block-maps.ts';
import { type Clock, systemClock } from '../sources/clock.ts';
import type { CollectedWindow } from '../sources/source.ts';
import { type AddressRange, addressRange } from './address-range.ts';
import { type Block, type BlockLimits, BlockList, type BlockOrigin, BlockRefusedError } from './block-list.ts';
import type { BlockCommand, BlockedEntry, BlockListing } from './control-protocol.ts';
import { type KeptBlock, KeptBlocks } from './kept-blocks.ts';
import { type Accusation, accusedBy, accusedByWebhook, Terms } from './policy.ts';
import type { BLOCK_HOOKS, BLOCK_MODES } from './settings.ts';
import { SparingLog } from './sparing-log.ts';
import { UsualTraffic } from './usual-traffic.ts';
import { VitalAddresses } from './vital-addresses.ts';
import { WebhookOutcomes } from './webhook-outcomes.ts';

export interface BlockSettings {
  readonly block: (typeof BLOCK_MODES)[number];
  readonly blockAt: (typeof BLOCK_HOOKS)[number];
  readonly blockFor: number;
  readonly allow: readonly AddressRange[];
  /** Whether the list outlives the collector; else it is emptied at the end. */
  readonly keepBlocks: boolean;
}

/** Entries, and the share of the usual traffic that they may take together: beyond, somebody should look first. */
const MAX_ENTRIES = 4096;
const MAX_TRAFFIC_SHARE = 0.2;

const LOOK_EVERY_MS = 1000;
/** Gateways, name servers, addresses of the edge and logins change seldom. */
const FIND_EVERY_MS = 10_000;
const SAVE_AGAIN_EVERY_MS = 10_000;
const NOTHING = { packets: 0, bytes: 0 };
const MAX_NAMES_TOLD = 5;

export class Blocking {
  #settings: BlockSettings;
  readonly list: BlockList;
  readonly #usual = new UsualTraffic();
  readonly #terms: Terms;
  readonly #vital: VitalAddresses;
  /** What could not be found for the allowlist, as it was told last. */
  #unknown = '';
  readonly #kept: KeptBlocks;
  readonly #log: Logger;
  readonly #sparingly: SparingLog;
  readonly webhooks: WebhookOutcomes;
  readonly #clock: Clock;
  #timers: NodeJS.Timeout[] = [];
  #interfaces = 0;

  /**
   * @param edges host names of the edge and the proxy
   * @param folder where the list is kept, if it is
   */
  constructor(
    settings: BlockSettings,
    edges: readonly string[],
    folder: string,
    log: Logger,
    clock: Clock = systemClock,
  ) {
    this.#settings = settings;
    this.#vital = new VitalAddresses(edges);
    this.#kept = new KeptBlocks(folder, log);
    this.#log = log;
    this.#sparingly = new SparingLog(log, clock);
    this.webhooks = new WebhookOutcomes(this.#sparingly);
    this.#clock = clock;
    this.#terms = new Terms(settings.blockFor);
    this.list = new BlockList(limitsOf(settings), this.#usual, clock);
  }

  /** How often the disk refused the list. */
  get notSaved(): number {
    return this.#kept.notSaved;
  }

  get hook(): BlockSettings['blockAt'] {
    return this.#settings.blockAt;
  }

  /** Finds what must be allowed, and only then takes up what was kept. */
  async start(): Promise<void> {
    await this.#find();
    this.#restore();
    this.#timers = [
      setInterval(() => this.list.expire(), LOOK_EVERY_MS).unref(),
      setInterval(() => void this.#find(), FIND_EVERY_MS).unref(),
      setInterval(() => this.#kept.isBehind && this.#save(), SAVE_AGAIN_EVERY_MS).unref(),
    ];
  }

  /** Other settings from now on; entries stay. */
  async change(settings: BlockSettings): Promise<void> {
    this.#settings = settings;
    this.#terms.first_s = settings.blockFor;
    this.list.limits = limitsOf(settings);
    await this.#find();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    if (this.#settings.keepBlocks) this.#save();
    else this.#kept.remove();
  }

  attach(maps: BlockMaps): void {
    this.list.attach(maps);
    this.#interfaces++;
  }

  detach(maps: BlockMaps): void {
    this.list.detach(maps);
    this.#interfaces--;
  }

  saw(window: CollectedWindow): void {
    if ('interface' in window) this.#usual.saw(window);
  }

  judged(verdict: Verdict): void {
    const accusation = accusedBy(verdict, this.#clock.wall_ms());
    if (accusation) this.#convict(accusation, 'verdict');
  }

  received(event: WebhookEvent): void {
    const accusation = accusedByWebhook(event);
    if (accusation) this.#convict(accusation, 'webhook');
  }

  /** @throws AddressRangeError, BlockRefusedError */
  blockByHand({ range, for_s, reason, force }: BlockCommand): BlockedEntry {
    const block = this.list.block({ range: addressRange(range), for_s, reason, origin: 'hand', force });
    this.#tell(block);
    return this.#entry(block);
  }

  /** @param range null: all. @returns how many were unblocked @throws AddressRangeError */
  unblockByHand(range: string | null): number {
    const ranges = range === null ? this.list.entries.map((block) => block.range) : [addressRange(range)];
    const removed = ranges.filter((each) => this.list.unblock(each));
    for (const { text } of removed) this.#log.info({ event: 'unblocked', range: text, because: 'by hand' });
    this.#save();
    return removed.length;
  }

  listing(): BlockListing {
    const dropped = this.list.readDropped();
    return {
      mode: this.#settings.block,
      interfaces: this.#interfaces,
      blocks: this.list.entries.map((block) => ({ ...inWords(block), ...(dropped.get(block.range.text) ?? NOTHING) })),
      allowed: this.list.allowlist.ranges.map(({ range, because }) => ({ range: range.text, because })),
      refused: { ...this.list.refused },
    };
  }

  #convict({ ranges, reason }: Accusation, origin: BlockOrigin): void {
    if (this.#settings.block === 'off') return;
    for (const range of ranges) {
      const isNew = !this.list.entries.some((block) => block.range.text === range.text);
      try {
        const for_s = this.#terms.next(range, this.#clock.wall_ms());
        const block = this.list.block({ range, for_s, reason, origin });
        if (isNew) this.#tell(block);
      } catch (error) {
        if (!(error instanceof BlockRefusedError)) throw error;
        this.#tellRefused(range.text, error);
      }
    }
  }

  #tell({ range, until_ms, reason, origin, enforced }: Block): void {
    const until = new Date(until_ms).toISOString();
    this.#log.warn({ event: enforced ? 'blocked' : 'would_block', range: range.text, until, reason, origin });
    this.#save();
  }

  #tellRefused(range: string, { refusal, message }: BlockRefusedError): void {
    this.#sparingly.warn('block_refused', refusal, { range, refusal, message });
  }

  #entry(block: Block): BlockedEntry {
    return { ...inWords(block), ...this.list.dropped(block) };
  }

  async #find(): Promise<void> {
    const { found, unknown } = await this.#vital.find();
    const unblocked = this.list.allow({ configured: this.#settings.allow, ...found });
    for (const { range, because } of unblocked) this.#log.warn({ event: 'unblocked', range: range.text, because });
    this.#tellUnknown(unknown);
  }

  /** Once, until others are unknown. */
  #tellUnknown(names: readonly string[]): void {
    const unknown = names.toSorted().slice(0, MAX_NAMES_TOLD).join(', ');
    if (unknown !== '' && unknown !== this.#unknown)
      this.#log.warn({
        event: 'allowlist_incomplete',
        ...{ unknown, count: names.length },
        message:
          'these files cannot be read, and these names of the edge, its proxy or of logged-in users have no address: see to permissions and the name server, or put the addresses into `allow`',
      });
    this.#unknown = unknown;
  }

  #save(): void {
    if (this.#settings.keepBlocks) this.#kept.save(this.list.entries.map(inWords));
  }

  #restore(): void {
    if (!this.#settings.keepBlocks) return;
    for (const { range, until, reason, origin, enforced } of this.#kept.read()) {
      const for_s = (Date.parse(until) - this.#clock.wall_ms()) / 1000;
      if (for_s <= 0 || (origin !== 'hand' && enforced && this.#settings.block !== 'enforce')) continue;
      try {
        this.list.block({ range: addressRange(range), for_s, reason, origin, force: true });
      } catch (error) {
        if (!(error instanceof BlockRefusedError)) throw error;
        this.#tellRefused(range, error);
      }
    }
  }
}

const inWords = ({ range, until_ms, reason, origin, enforced }: Block): KeptBlock => ({
  range: range.text,
  until: new Date(until_ms).toISOString(),
  ...{ reason, origin, enforced },
});

const limitsOf = ({ block }: BlockSettings): BlockLimits => ({
  enforced: block === 'enforce',
  maxEntries: MAX_ENTRIES,
  maxTrafficShare: MAX_TRAFFIC_SHARE,
});
