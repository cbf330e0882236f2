/** The window log on disk: segments in order, within a bound, gone when nobody needs them. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_HEADER_BYTES } from './record.ts';
import { type LoggedWindow, Segment } from './segment.ts';
import { everySecond, MAX_HALVINGS, segmentToThin } from './thinning.ts';

/** How windows can be lost on disk; each is counted and shown. */
export type DiskLoss =
  /** Of a full spool: every second of the oldest, and the oldest that are as thin as may be. */
  | 'thinned_spool_full'
  | 'dropped_spool_full'
  /** The oldest on a full disk. */
  | 'dropped_disk_full'
  /** A write that a crash broke off; damage found by its checksum. */
  | 'dropped_torn'
  | 'dropped_corrupt';

/** Numbers from `from` up to, not including, `end`. */
export interface Range {
  readonly from: number;
  readonly end: number;
}

/** What the log must know of its readers. */
export interface Need {
  /** Windows that are still to be read. */
  readonly waiting: readonly Range[];
  /** Those of them that are on their way: they stay as they are. */
  readonly held: readonly Range[];
}

export interface DiskBounds {
  readonly maxBytes: number;
  readonly segmentBytes: number;
}

export class Segments {
  readonly #folder: string;
  readonly #bounds: DiskBounds;
  /** The last one is written to. */
  #segments: Segment[] = [];
  #need: Need = { waiting: [{ from: 0, end: Number.POSITIVE_INFINITY }], held: [] };
  readonly lost: Record<DiskLoss, number> = {
    thinned_spool_full: 0,
    dropped_spool_full: 0,
    dropped_disk_full: 0,
    dropped_torn: 0,
    dropped_corrupt: 0,
  };

  /** @throws the error of the system where the folder cannot be read */
  constructor(folder: string, bounds: DiskBounds) {
    this.#folder = folder;
    this.#bounds = bounds;
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder).sort()) {
      if (name.endsWith('.log.part')) rmSync(join(folder, name));
      const segment = Segment.open(folder, name);
      if (segment) this.#segments.push(segment);
    }
    for (const segment of this.#segments) {
      this.lost.dropped_corrupt += segment.damaged;
      if (segment.cutBytes > 0) this.lost[segment === this.#segments.at(-1) ? 'dropped_torn' : 'dropped_corrupt']++;
    }
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Number after the last window. */
  get end(): number {
    return this.#segments.at(-1)?.end ?? 0;
  }

  count({ from, end }: Range): number {
    return this.#segments.reduce((sum, segment) => sum + segment.count(from, end), 0);
  }

  /** @throws the error of the system; nothing is then written */
  append(window: LoggedWindow): void {
    this.#tailFor(window).append(window);
  }

  /**
   * At most `count` windows of a range; damaged ones are left out and counted.
   * @returns them, and the number after the last that was looked at
   */
  read({ from, end }: Range, count: number): { windows: LoggedWindow[]; after: number } {
    const windows: LoggedWindow[] = [];
    let after = from;
    for (const segment of this.#segments) {
      if (windows.length >= count) break;
      if (segment.count(from, end) === 0) continue;
      const found = segment.read(from, end, count - windows.length);
      windows.push(...found.filter((window) => window !== null));
      this.lost.dropped_corrupt += found.filter((window) => window === null).length;
      after = Math.min(segment.end, end);
    }
    return { windows, after };
  }

  /** What nobody needs goes. */
  needs(need: Need): void {
    this.#need = need;
    const tail = this.#segments.at(-1);
    this.#segments = this.#segments.filter((segment) => {
      if (segment === tail || this.#waitingIn(segment) > 0) return true;
      segment.delete();
      return false;
    });
  }

  /** The oldest segment makes room on a full disk. @returns false where there is none to spare */
  yieldOldest(): boolean {
    const [oldest] = this.#idle();
    if (oldest) this.#drop(oldest, 'dropped_disk_full');
    return oldest !== undefined;
  }

  /** Makes durable what is written. @throws the error of the system */
  sync(): void {
    this.#segments.at(-1)?.sync();
  }

  close(): void {
    for (const segment of this.#segments) segment.close();
  }

  #tailFor({ number, json }: LoggedWindow): Segment {
    const tail = this.#segments.at(-1);
    const bytes = RECORD_HEADER_BYTES + Buffer.byteLength(json);
    const fits = tail && (tail.windows === 0 || tail.bytes + bytes <= this.#bounds.segmentBytes);
    if (tail && fits && !tail.sealed) return tail;
    tail?.sync();
    tail?.close();
    const segment = Segment.create(this.#folder, number);
    this.#segments.push(segment);
    this.#keepBound();
    return segment;
  }

  /** Room for one more segment. */
  #keepBound(): void {
    while (this.bytes + this.#bounds.segmentBytes > this.#bounds.maxBytes) {
      const segment = segmentToThin(this.#idle());
      if (!segment) return;
      this.#thin(segment);
    }
  }

  /** Segments of which nothing is on its way, but for the newest. */
  #idle(): Segment[] {
    return this.#segments.slice(0, -1).filter(({ begin, end }) => !touches(this.#need.held, begin, end));
  }

  #thin(segment: Segment): void {
    const before = this.#waitingIn(segment);
    try {
      const windows = segment.read(segment.begin, segment.end, segment.windows).filter((window) => window !== null);
      const waiting = windows.filter(({ number }) => touches(this.#need.waiting, number, number + 1));
      const kept = segment.halvings < MAX_HALVINGS ? everySecond(waiting) : [];
      if (kept.length === 0 || kept.length === segment.windows) {
        this.#drop(segment, 'dropped_spool_full');
        return;
      }
      segment.keepOnly(kept);
      this.lost.thinned_spool_full += before - kept.length;
    } catch (error) {
      this.#drop(segment, isForRoom(error) ? 'dropped_disk_full' : 'dropped_corrupt');
    }
  }

  #drop(segment: Segment, reason: DiskLoss): void {
    this.lost[reason] += this.#waitingIn(segment);
    this.#segments = this.#segments.filter((other) => other !== segment);
    segment.delete();
  }

  #waitingIn(segment: Segment): number {
    return this.#need.waiting.reduce((sum, { from, end }) => sum + segment.count(from, end), 0);
  }
}

/** Whether a disk refused for want of room: it takes windows again once others are gone. */
export const isForRoom = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

export const touches = (ranges: readonly Range[], begin: number, end: number): boolean =>
  ranges.some((range) => range.from < end && begin < range.end);
