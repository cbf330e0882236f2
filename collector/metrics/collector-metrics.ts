/** The collector's metrics in Prometheus' text format, under the names that users' dashboards know; read when somebody asks. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { VERSION } from '../../contract/version.ts';
import type { BlockList } from '../block/block-list.ts';
import type { WebhookOutcomes } from '../block/webhook-outcomes.ts';
import { PROTOCOLS } from '../kernel/window-counts.ts';
import type { CollectedWindow, WindowSource } from '../sources/source.ts';

/** What the metrics are read from. */
export interface Measured {
  /** Those that run now. */
  readonly sources: () => readonly Pick<WindowSource<CollectedWindow>, 'spec' | 'losses' | 'traffic'>[];
  readonly blocking: {
    readonly list: Pick<BlockList, 'entries' | 'droppedByEach' | 'totalDropped' | 'refused' | 'allowlist'>;
    readonly notSaved: number;
    readonly webhooks: Pick<WebhookOutcomes, 'counts'>;
  };
  readonly delivery: {
    readonly counters: Readonly<
      Record<'windows' | 'posted_windows' | 'retried' | 'rejected_windows' | 'threats', number>
    >;
    /** By the clock of `now_ms`; null where nothing is stored yet. */
    readonly lastPost_ms: number | null;
  };
  readonly spool: {
    readonly waiting: number;
    readonly bytes: number;
    readonly lost: Readonly<Record<string, number>>;
    readonly contextCut: Readonly<Record<string, number>>;
    readonly writeError: string | null;
  };
}

/** Entries of the block list that are shown one by one: those that drop most. */
const MAX_BLOCKS_SHOWN = 50;
/** Interfaces whose latest window is kept: more than a host watches. */
const MAX_INTERFACES = 256;
/** A window that is older is no longer the latest of its interface: that has gone. Periods are of a minute at most. */
const LATEST_FOR_MS = 180_000;

export class CollectorMetrics {
  readonly #registry = new Registry();
  /** By interface, the one that was heard of longest ago first. */
  readonly #latest = new Map<string, { readonly window: NetworkWindow; readonly seen_ms: number }>();
  readonly #now_ms: () => number;
  #notShown = 0;

  constructor({ sources, delivery, spool, blocking }: Measured, now_ms: () => number = () => performance.now()) {
    this.#now_ms = now_ms;
    const traffic = () => sources().flatMap((source) => source.traffic?.() ?? []);
    this.#counter(
      'ebpf_packets_processed_total',
      'Packets counted in the kernel.',
      ['interface', 'protocol', 'direction'],
      (add) => {
        for (const { interface: name, packets } of traffic())
          for (const protocol of PROTOCOLS)
            for (const direction of ['in', 'out'] as const)
              add({ interface: name, protocol, direction }, packets[protocol][direction]);
      },
    );
    this.#counter('ebpf_bytes_processed_total', 'Bytes of them on the wire.', ['interface', 'direction'], (add) => {
      for (const { interface: name, bytes } of traffic())
        for (const direction of ['in', 'out'] as const) add({ interface: name, direction }, bytes[direction]);
    });
    this.#counter('ebpf_syn_packets_total', 'Packets that open a TCP connection.', ['interface'], (add) => {
      for (const { interface: name, syn_packets } of traffic()) add({ interface: name }, syn_packets);
    });
    for (const [name, help, field] of OF_LATEST)
      this.#gauge(name, help, ['interface'], (set) => {
        for (const { window } of this.#shown()) set({ interface: window.interface }, window[field] ?? Number.NaN);
      });
    this.#gauge(
      'ebpf_source_packets',
      'Packets of the ten busiest remote addresses in the latest window.',
      ['interface', 'ip'],
      (set) => {
        for (const { window } of this.#shown())
          for (const { ip, packets } of window.sources ?? []) set({ interface: window.interface, ip }, packets);
      },
    );
    const { counters } = delivery;
    for (const [name, help, counter] of OF_DELIVERY) this.#counter(name, help, [], (add) => add({}, counters[counter]));
    this.#gauge('vigia_collector_spool_windows', 'Windows that wait for the edge.', [], (set) =>
      set({}, spool.waiting),
    );
    this.#gauge('vigia_collector_spool_bytes', 'Bytes of the spool on disk.', [], (set) => set({}, spool.bytes));
    this.#gauge(
      'vigia_collector_last_post_timestamp_seconds',
      'When the edge last stored windows, by the clock of this host; 0 where it has not yet.',
      [],
      (set) => {
        if (delivery.lastPost_ms !== null) set({}, (Date.now() - (this.#now_ms() - delivery.lastPost_ms)) / 1000);
      },
    );
    this.#gauge('vigia_collector_build_info', '1, with the release of this collector.', ['version'], (set) =>
      set({ version: VERSION }, 1),
    );
    this.#gauge('vigia_collector_disk_ok', '1 while the disk takes windows.', [], (set) =>
      set({}, spool.writeError === null ? 1 : 0),
    );
    this.#counter(
      'vigia_collector_lost_windows_total',
      'Windows that a bound dropped, by reason.',
      ['reason'],
      (add) => {
        for (const [reason, count] of Object.entries(spool.lost)) add({ reason }, count);
      },
    );
    this.#counter(
      'vigia_collector_context_cut_total',
      'Earlier windows that a post had no room for, and series whose earlier windows were forgotten.',
      ['reason'],
      (add) => {
        for (const [reason, count] of Object.entries(spool.contextCut)) add({ reason }, count);
      },
    );
    this.#counter(
      'vigia_collector_losses_total',
      'What sources lost or refused, by reason (docs/window.md).',
      ['source', 'reason'],
      (add) => {
        for (const source of sources())
          for (const [reason, count] of Object.entries(source.losses())) add({ source: source.spec, reason }, count);
      },
    );
    this.#gauge('vigia_collector_interfaces', 'Interfaces that a source watches now.', ['source'], (set) => {
      for (const { spec, traffic: watched } of sources()) if (watched) set({ source: spec }, watched().length);
    });
    this.#counter(
      'vigia_collector_windows_not_shown_total',
      `Windows of interfaces beyond ${MAX_INTERFACES}: posted, but not among these gauges.`,
      [],
      (add) => add({}, this.#notShown),
    );
    this.#ofBlocks(blocking);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** The gauges show the latest window of each interface. */
  saw(window: CollectedWindow): void {
    if (!('interface' in window)) return;
    this.#latest.delete(window.interface);
    if (this.#latest.size >= MAX_INTERFACES && this.#shown().length >= MAX_INTERFACES) this.#notShown++;
    else this.#latest.set(window.interface, { window, seen_ms: this.#now_ms() });
  }

  /** Forgets the interfaces that have gone. */
  #shown(): { readonly window: NetworkWindow }[] {
    for (const [name, { seen_ms }] of this.#latest) {
      if (this.#now_ms() - seen_ms <= LATEST_FOR_MS) break;
      this.#latest.delete(name);
    }
    return [...this.#latest.values()];
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #ofBlocks(blocking: Measured['blocking']): void {
    const { list: blocks } = blocking;
    this.#counter(
      'vigia_collector_blocked_packets_total',
      'Packets that the block list dropped, or would have in a dry run.',
      [],
      (add) => add({}, blocks.totalDropped().packets),
    );
    this.#counter('vigia_collector_blocked_bytes_total', 'Bytes of them.', [], (add) =>
      add({}, blocks.totalDropped().bytes),
    );
    this.#gauge('vigia_collector_blocks', 'Entries of the block list.', ['enforced'], (set) => {
      for (const enforced of [true, false])
        set({ enforced: String(enforced) }, blocks.entries.filter((block) => block.enforced === enforced).length);
    });
    this.#gauge(
      'vigia_collector_block_packets',
      `Packets that an entry dropped, or would have; the ${MAX_BLOCKS_SHOWN} that drop most.`,
      ['range', 'enforced'],
      (set) => {
        const dropped = blocks.droppedByEach();
        const shown = blocks.entries
          .map((block) => ({ block, packets: dropped.get(block.range.text)?.packets ?? 0 }))
          .sort((one, other) => other.packets - one.packets)
          .slice(0, MAX_BLOCKS_SHOWN);
        for (const { block, packets } of shown)
          set({ range: block.range.text, enforced: String(block.enforced) }, packets);
      },
    );
    this.#counter(
      'vigia_collector_blocks_refused_total',
      'Blocks that a guard refused, by guard.',
      ['refusal'],
      (add) => {
        for (const [refusal, count] of Object.entries(blocks.refused)) add({ refusal }, count);
      },
    );
    this.#counter(
      'vigia_collector_blocks_not_saved_total',
      'Times that the disk refused the block list, with keep-blocks.',
      [],
      (add) => add({}, blocking.notSaved),
    );
    this.#counter(
      'vigia_collector_block_webhooks_total',
      'Webhooks that came to block-webhook, by what became of them.',
      ['outcome'],
      (add) => {
        for (const [outcome, count] of Object.entries(blocking.webhooks.counts)) add({ outcome }, count);
      },
    );
    this.#gauge('vigia_collector_allowed_ranges', 'Ranges that are never dropped.', [], (set) =>
      set({}, blocks.allowlist.ranges.length),
    );
    this.#gauge('vigia_collector_allowed_ranges_not_kept', 'Ranges beyond the room of the allowlist.', [], (set) =>
      set({}, blocks.allowlist.notKept),
    );
  }

  #counter(name: string, help: string, labelNames: readonly string[], read: (add: Report) => void): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        read((labels, value) => this.inc(labels, value));
      },
    });
  }

  #gauge(name: string, help: string, labelNames: readonly string[], read: (set: Report) => void): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        read((labels, value) => this.set(labels, value));
      },
    });
  }
}

type Report = (labels: Record<string, string>, value: number) => void;

const OF_DELIVERY = [
  ['ebpf_ml_post_failures_total', 'Posts that the edge did not take at once.', 'retried'],
  ['vigia_collector_windows_total', 'Windows that the sources made.', 'windows'],
  ['vigia_collector_posted_windows_total', 'Windows that the edge has stored.', 'posted_windows'],
  ['vigia_collector_rejected_windows_total', 'Windows that the edge will never take.', 'rejected_windows'],
  ['vigia_collector_threats_total', 'Windows that the edge found a threat in.', 'threats'],
] as const;

const OF_LATEST = [
  ['ebpf_packets_per_second', 'Packets a second in the latest window.', 'packets_per_second'],
  ['ebpf_bytes_per_second', 'Bytes a second in the latest window.', 'bytes_per_second'],
  ['ebpf_unique_ips', 'Distinct remote addresses in the latest window.', 'unique_ips'],
  ['ebpf_unique_ports', 'Distinct responder ports in the latest window.', 'unique_ports'],
] as const;
