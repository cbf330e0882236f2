/**
 * Windows in the order they came, until nobody needs them any more: on disk, and in memory while the disk refuses them.
 *
 * A window is written when it comes, so kill -9 loses none; it is synced every two seconds (`sync`), so a power cut may lose two
 * seconds.
 */
import type { LoggedWindow } from './segment.ts';
import { type DiskBounds, type DiskLoss, isForRoom, type Need, type Range, Segments, touches } from './segments.ts';

export interface LogBounds extends DiskBounds {
  /** Windows kept in memory while the disk refuses writes. */
  readonly maxInMemory: number;
}

export const DEFAULT_LOG_BOUNDS: LogBounds = {
  maxBytes: 256 * 1024 * 1024,
  segmentBytes: 1024 * 1024,
  maxInMemory: 4096,
};

/** The last: the oldest in memory, where the disk refuses windows for long and not for want of room. */
export type LogLoss = DiskLoss | 'dropped_memory_full';

export class WindowLog {
  readonly #disk: Segments;
  readonly #maxInMemory: number;
  #memory: LoggedWindow[] = [];
  #next: number;
  #held: readonly Range[] = [];
  #droppedFromMemory = 0;
  /** The last error of the disk; null once it has taken all that it was given. */
  writeError: Error | null = null;

  /** @param next least number of the next window: the log may have been emptied since */
  constructor(folder: string, bounds: LogBounds, next: number) {
    this.#disk = new Segments(folder, bounds);
    this.#maxInMemory = bounds.maxInMemory;
    this.#next = Math.max(this.#disk.end, next);
  }

  /** Number that the next window gets. */
  get next(): number {
    return this.#next;
  }

  get bytes(): number {
    return this.#disk.bytes;
  }

  get lost(): Record<LogLoss, number> {
    return { ...this.#disk.lost, dropped_memory_full: this.#droppedFromMemory };
  }

  count(range: Range): number {
    return this.#disk.count(range) + this.#memory.filter(isIn(range)).length;
  }

  append(json: string): void {
    const window = { number: this.#next++, json };
    if (this.#memory.length > 0 || !this.#attempt(() => this.#disk.append(window))) this.#memory.push(window);
    if (this.#memory.length > this.#maxInMemory) this.#relieveMemory();
  }

  /**
   * At most `count` windows of a range; damaged ones are left out and counted.
   * @returns them, and the number after the last that was looked at
   */
  read(range: Range, count: number): { windows: LoggedWindow[]; after: number } {
    const { windows, after } = this.#disk.read(range, count);
    const inMemory = this.#memory.filter(isIn(range)).slice(0, count - windows.length);
    return { windows: [...windows, ...inMemory], after: Math.max(after, (inMemory.at(-1)?.number ?? -1) + 1) };
  }

  /** What nobody needs goes. */
  needs(need: Need): void {
    this.#held = need.held;
    this.#memory = this.#memory.filter((window) => need.waiting.some((range) => isIn(range)(window)));
    this.#disk.needs(need);
  }

  /** Writes what is in memory, where the disk takes it again, and makes all that is written durable. */
  sync(): void {
    let [first] = this.#memory;
    while (first && this.#attempt(() => first && this.#disk.append(first))) {
      this.#memory.shift();
      [first] = this.#memory;
    }
    this.#attempt(() => this.#disk.sync());
  }

  close(): void {
    this.sync();
    this.#disk.close();
  }

  /** On a full disk the oldest windows make room for the newest; else the oldest in memory go. */
  #relieveMemory(): void {
    if (isForRoom(this.writeError) && this.#disk.yieldOldest()) this.sync();
    if (this.#memory.length <= this.#maxInMemory) return;
    const dropped = this.#memory.shift();
    if (dropped && !touches(this.#held, dropped.number, dropped.number + 1)) this.#droppedFromMemory++;
  }

  #attempt(step: () => void): boolean {
    try {
      step();
      if (this.#memory.length === 0) this.writeError = null;
      return true;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.writeError = error;
      return false;
    }
  }
}

const isIn =
  ({ from, end }: Range) =>
  ({ number }: LoggedWindow): boolean =>
    number >= from && number < end;
