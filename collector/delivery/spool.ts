/** Windows on their way to the edge: logged when they come, formed into one batch at a time, gone when the edge has stored them. */
import { mkdirSync } from 'node:fs';
import type { CollectedWindow } from '../sources/source.ts';
import { type Batch, type Context, fitting, formBatch } from './batch.ts';
import { type Cursor, readCursor, writeCursor } from './cursor.ts';
import { lockFolder } from './folder-lock.ts';
import { RejectedFolder } from './rejected-folder.ts';
import { DEFAULT_LOG_BOUNDS, type LogBounds, type LogLoss, WindowLog } from './window-log.ts';

/** Most windows of a batch, reached while catching up; the edge takes 1,000 windows and 1 MiB. */
export const MAX_BATCH_WINDOWS = 200;

interface Formed {
  readonly batch: Batch;
  /** Number after its last window. */
  readonly end: number;
  readonly after: Context;
}

export class Spool {
  readonly #folder: string;
  readonly #unlock: () => void;
  readonly #log: WindowLog;
  readonly #rejected: RejectedFolder;
  #cursor: Cursor;
  #formed: Formed | null = null;
  #cursorError: string | null = null;

  /** @throws FolderInUseError where another collector uses the folder; the error of the system where it can't be made */
  constructor(folder: string, bounds: LogBounds = DEFAULT_LOG_BOUNDS) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#unlock = lockFolder(folder);
    this.#cursor = readCursor(folder);
    this.#log = new WindowLog(folder, bounds, this.#cursor.next);
    this.#rejected = new RejectedFolder(folder);
    this.#skipDropped();
    this.#log.hold(this.#cursor.next);
  }

  /** Windows that the edge has not stored. */
  get waiting(): number {
    return this.#log.waiting(this.#cursor.next);
  }

  get bytes(): number {
    return this.#log.bytes;
  }

  /** Windows lost, by reason. */
  get lost(): Record<LogLoss | 'dropped_rejected', number> {
    return { ...this.#log.lost, dropped_rejected: this.#rejected.droppedWindows };
  }

  /** What the disk last refused; null while it takes what it is given. */
  get writeError(): string | null {
    return this.#log.writeError ?? this.#cursorError ?? this.#rejected.writeError;
  }

  add(window: CollectedWindow): void {
    this.#log.append(JSON.stringify(window));
  }

  /** The batch to post: the same one until `stored` or `rejected`; null where no window waits. */
  next(): Batch | null {
    this.#formed ??= this.#form();
    return this.#formed?.batch ?? null;
  }

  /** The edge has stored the batch. */
  stored(): void {
    const formed = this.#formed;
    if (!formed) return;
    this.#formed = null;
    this.#moveTo({ next: formed.end, batchEnd: null, context: formed.after });
    this.#log.release(formed.end);
  }

  /** The edge will never take the batch: it is set aside for a person to look at. */
  rejected(reason: string): void {
    if (this.#formed) this.#rejected.add(this.#formed.batch, reason);
    this.stored();
  }

  /** Makes durable what came since the last time. */
  sync(): void {
    this.#log.sync();
  }

  close(): void {
    this.#log.close();
    this.#unlock();
  }

  #form(): Formed | null {
    const { next, batchEnd, context } = this.#cursor;
    const read = this.#log.read(next, MAX_BATCH_WINDOWS);
    const windows = batchEnd === null ? fitting(read) : read.filter(({ number }) => number < batchEnd);
    const last = windows.at(-1);
    if (!last) return null;
    const end = last.number + 1;
    if (batchEnd === null) {
      this.#log.sync();
      this.#moveTo({ next, batchEnd: end, context });
    }
    this.#log.hold(end);
    return { ...formBatch(windows, context), end };
  }

  /** Windows that made room for newer ones while the collector was away from them; the batch they were in is no more. */
  #skipDropped(): void {
    const { oldest } = this.#log;
    if (oldest > this.#cursor.next) this.#cursor = { ...this.#cursor, next: oldest, batchEnd: null };
  }

  #moveTo(cursor: Cursor): void {
    this.#cursor = cursor;
    try {
      writeCursor(this.#folder, cursor);
      this.#cursorError = null;
    } catch (error) {
      this.#cursorError = error instanceof Error ? error.message : String(error);
    }
  }
}
