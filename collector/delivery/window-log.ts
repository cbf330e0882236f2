/**
 * Windows on disk in the order they came, until they are released: append-only segments, bounded, the oldest dropped first.
 *
 * A window is written when it comes, so kill -9 loses none; it is synced every two seconds (`sync`), so a power cut may lose two
 * seconds. While the disk refuses writes, windows are kept in memory under a bound of its own and written when it takes them again.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { Segment } from './segment.ts';

export interface LogBounds {
  readonly maxBytes: number;
  readonly segmentBytes: number;
  /** Windows kept in memory while the disk refuses writes. */
  readonly maxInMemory: number;
}

export const DEFAULT_LOG_BOUNDS: LogBounds = {
  maxBytes: 256 * 1024 * 1024,
  segmentBytes: 1024 * 1024,
  maxInMemory: 4096,
};

/** How windows can be lost here; each is counted and shown. */
export const LOG_LOSSES = ['dropped_spool_full', 'dropped_memory_full', 'dropped_torn', 'dropped_corrupt'] as const;
export type LogLoss = (typeof LOG_LOSSES)[number];

export interface LoggedWindow {
  readonly number: number;
  readonly json: string;
}

export class WindowLog {
  readonly #folder: string;
  readonly #bounds: LogBounds;
  #segments: Segment[] = [];
  #memory: LoggedWindow[] = [];
  /** Number of the next window. */
  #next = 0;
  /** Windows before this number are released, or held elsewhere. */
  #released = 0;
  readonly lost: Record<LogLoss, number> = {
    dropped_spool_full: 0,
    dropped_memory_full: 0,
    dropped_torn: 0,
    dropped_corrupt: 0,
  };
  /** The last error of the disk; null while it takes what it is given. */
  writeError: string | null = null;

  /** @param next least number of the next window: the log may have been emptied since */
  constructor(folder: string, bounds: LogBounds, next: number) {
    this.#folder = folder;
    this.#bounds = bounds;
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder).sort()) {
      const segment = Segment.open(folder, name);
      if (!segment) continue;
      this.#segments.push(segment);
      this.#next = segment.end;
    }
    this.#next = Math.max(this.#next, next);
    for (const segment of this.#segments) {
      if (segment.cutBytes === 0) continue;
      this.lost[segment === this.#segments.at(-1) ? 'dropped_torn' : 'dropped_corrupt']++;
    }
  }

  /** Number of the oldest window here. */
  get oldest(): number {
    return this.#segments.find(({ first, end }) => end > first)?.first ?? this.#memory[0]?.number ?? this.#next;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Windows from number `from` on. */
  waiting(from: number): number {
    const onDisk = this.#segments.reduce((sum, { first, end }) => sum + Math.max(0, end - Math.max(first, from)), 0);
    return onDisk + this.#memory.filter(({ number }) => number >= from).length;
  }

  append(json: string): void {
    const window = { number: this.#next++, json };
    if (this.#memory.length > 0 || !this.#write(window)) this.#memory.push(window);
    if (this.#memory.length > this.#bounds.maxInMemory) {
      this.#memory.shift();
      this.lost.dropped_memory_full++;
    }
  }

  /** At most `count` windows from number `from` on; damaged ones are left out and counted. */
  read(from: number, count: number): LoggedWindow[] {
    const found: LoggedWindow[] = [];
    for (const segment of this.#segments) {
      if (found.length >= count) break;
      if (segment.end <= from || segment.end === segment.first) continue;
      const start = Math.max(from, segment.first);
      for (const [i, payload] of segment.read(start, count - found.length).entries()) {
        if (payload) found.push({ number: start + i, json: payload.toString('utf8') });
        else this.lost.dropped_corrupt++;
      }
    }
    return [...found, ...this.#memory.filter(({ number }) => number >= from)].slice(0, count);
  }

  /** Windows before `number` are held elsewhere: they may go without being counted as lost. */
  hold(number: number): void {
    this.#released = number;
  }

  /** Windows before `number` may go. */
  release(number: number): void {
    this.hold(number);
    this.#memory = this.#memory.filter((window) => window.number >= number);
    while (this.#segments.length > 1 && this.#segments[0]!.end <= number) this.#segments.shift()?.delete();
  }

  /** Writes what is in memory, where the disk takes it again, and makes all that is written durable. */
  sync(): void {
    while (this.#memory.length > 0 && this.#write(this.#memory[0]!)) this.#memory.shift();
    this.#attempt(() => this.#segments.at(-1)?.sync());
  }

  close(): void {
    this.sync();
    for (const segment of this.#segments) segment.close();
  }

  #write(window: LoggedWindow): boolean {
    return this.#attempt(() => {
      this.#tail(window.number).append(Buffer.from(window.json));
      this.#keepBound();
    });
  }

  #tail(number: number): Segment {
    const tail = this.#segments.at(-1);
    if (tail && tail.end === number && !tail.sealed && tail.bytes < this.#bounds.segmentBytes) return tail;
    tail?.sync();
    tail?.close();
    const segment = Segment.create(this.#folder, number);
    this.#segments.push(segment);
    return segment;
  }

  #keepBound(): void {
    while (this.bytes > this.#bounds.maxBytes && this.#segments.length > 1) {
      const oldest = this.#segments.shift();
      if (!oldest) return;
      this.lost.dropped_spool_full += Math.max(0, oldest.end - Math.max(oldest.first, this.#released));
      oldest.delete();
    }
  }

  #attempt(step: () => void): boolean {
    try {
      step();
      this.writeError = null;
      return true;
    } catch (error) {
      this.writeError = error instanceof Error ? error.message : String(error);
      return false;
    }
  }
}
