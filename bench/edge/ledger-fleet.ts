/** Hosts that post as the collector does: its batches, its retries, more windows a post after an outage. */
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { type Context, formBatch } from '../../collector/delivery/batch.ts';
import { EdgeConnection } from '../../collector/delivery/edge-connection.ts';
import { Outage } from '../../collector/delivery/outage.ts';
import { post } from '../../collector/delivery/poster.ts';
import { MAX_WINDOWS } from '../../contract/detect-request.ts';
import type { Ledger, Phase } from './ledger-count.ts';
import { type Origin, ordinaryWindow, scanWindow } from './made-posts.ts';

const WINDOWS_A_POST = 2;
const TIMEOUT_MS = 30_000;
/** A host attacks nobody; one somewhere in the fleet is attacked this often, each time by another address. */
const ATTACK_EVERY_MS = 1000;

export interface Fleet {
  readonly url: string;
  readonly tokenFile: string;
  readonly ledger: Ledger;
  readonly origins: readonly Origin[];
  phase(): Phase;
}

export class Hosts {
  readonly #fleet: Fleet;
  readonly #next: Map<Origin, { number: number; context: Context }>;
  #attacks = 0;
  #attackedAt_ms = performance.now();
  /** Windows that were answered as threats. */
  alerts = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#next = new Map(fleet.origins.map((origin) => [origin, { number: 0, context: [] }]));
  }

  /**
   * Every host makes windows at the same pace and posts them until all are taken.
   * @param postsPerSecond of all hosts; null: as fast as the edge answers
   * @returns how many posts were acknowledged
   */
  async post(milliseconds: number, postsPerSecond: number | null): Promise<number> {
    const { origins } = this.#fleet;
    const every_ms = postsPerSecond === null ? 0 : (1000 * origins.length) / postsPerSecond;
    const posts = await Promise.all(
      origins.map((origin, i) => this.#one(origin, milliseconds, every_ms, (i * every_ms) / origins.length)),
    );
    return posts.reduce((sum, count) => sum + count, 0);
  }

  async #one(origin: Origin, milliseconds: number, every_ms: number, after_ms: number): Promise<number> {
    const edge = new EdgeConnection({ to: this.#fleet.url, caFile: null, proxies: {} });
    const began_ms = performance.now() + after_ms;
    const until_ms = began_ms + milliseconds;
    let [made, posts] = [0, 0];
    try {
      for (;;) {
        const now_ms = Math.min(performance.now(), until_ms);
        const due = every_ms === 0 ? made + 1 : Math.floor((now_ms - began_ms) / every_ms) + 1;
        if (due <= made || now_ms >= until_ms) {
          if (performance.now() >= until_ms) return posts;
          await sleep(Math.max(1, began_ms + made * every_ms - performance.now()));
          continue;
        }
        const taken = Math.min(due - made, MAX_WINDOWS / WINDOWS_A_POST);
        made += taken;
        if (await this.#send(edge, origin, taken * WINDOWS_A_POST)) posts++;
      }
    } finally {
      edge.close();
    }
  }

  /** @returns whether it was taken */
  async #send(edge: EdgeConnection, origin: Origin, windows: number): Promise<boolean> {
    const { ledger, tokenFile } = this.#fleet;
    const next = this.#next.get(origin);
    if (next === undefined) throw new RangeError(`no host ${origin.host}`);
    const made = Array.from({ length: windows }, (_, i) => this.#window(origin, next.number + i));
    const logged = made.map((window, i) => ({ number: next.number + i, json: JSON.stringify(window) }));
    const { batch, after } = formBatch(logged, next.context);
    this.#next.set(origin, { number: next.number + windows, context: after });
    const phase = this.#fleet.phase();
    const ids = made.map(({ id }) => id);
    ledger.posted(ids, phase);
    const outage = new Outage(pino({ enabled: false }), Math.random);
    for (;;) {
      const outcome = await post(batch, edge, { tokenFile, timeout_ms: TIMEOUT_MS }, new AbortController().signal);
      if (outcome.kind === 'rejected') {
        ledger.line(phase).rejected++;
        return false;
      }
      if (outcome.kind === 'stored') {
        ledger.acknowledged(ids, phase);
        this.alerts += outcome.verdicts.filter(({ threat_detected }) => threat_detected).length;
        return true;
      }
      ledger.line(phase).retries++;
      await sleep(outage.failed(outcome, {}));
    }
  }

  #window(origin: Origin, number: number): ReturnType<typeof ordinaryWindow> {
    if (performance.now() - this.#attackedAt_ms < ATTACK_EVERY_MS) return ordinaryWindow(origin, number);
    this.#attackedAt_ms = performance.now();
    this.#attacks++;
    // Of 198.18.0.0/15, which is for benchmarks (RFC 2544).
    return scanWindow(origin, number, `198.18.${this.#attacks >> 8}.${this.#attacks & 255}`);
  }
}
