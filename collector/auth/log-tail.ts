/** Follows a log file through rotation, truncation and absence, line by line. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Clock } from '../sources/clock.ts';

const LOOK_EVERY_MS = 500;
const READ_BYTES = 1 << 16;
/** Longer lines are skipped, and counted. */
const LONGEST_LINE_BYTES = 1 << 13;
const NEWLINE = 0x0a;

/** What is followed line by line. */
export interface LineReader {
  /** Lines as they come; null whenever there are no more for now. Ends when `stop` aborts. */
  lines(stop: AbortSignal): AsyncGenerator<string | null, void, void>;
  /** Lines that were skipped for their length. */
  readonly tooLong: number;
}

export class LogTail implements LineReader {
  readonly #path: string;
  readonly #clock: Clock;
  tooLong = 0;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async *lines(stop: AbortSignal): AsyncGenerator<string | null, void, void> {
    while (!stop.aborted) {
      const file = await open(this.#path).catch(ifMissing);
      if (file === null) {
        yield null;
        await this.#clock.sleep(LOOK_EVERY_MS, stop);
        continue;
      }
      try {
        yield* this.#linesOf(file, stop);
      } finally {
        await file.close();
      }
    }
  }

  /** Of one file until another stands under its name. */
  async *#linesOf(file: FileHandle, stop: AbortSignal): AsyncGenerator<string | null, void, void> {
    const splitter = new LineSplitter(() => this.tooLong++);
    const chunk = Buffer.alloc(READ_BYTES);
    let at = 0;
    let replaced = false;
    while (!stop.aborted) {
      const { bytesRead } = await file.read(chunk, 0, READ_BYTES, at);
      at += bytesRead;
      yield* splitter.push(chunk.subarray(0, bytesRead));
      if (bytesRead > 0) continue;
      // Looked at after the end was reached: what the old file got until it was replaced has been read.
      if (replaced) return;
      yield null;
      await this.#clock.sleep(LOOK_EVERY_MS, stop);
      const [own, named] = await Promise.all([file.stat(), stat(this.#path).catch(ifMissing)]);
      replaced = named !== null && (named.ino !== own.ino || named.dev !== own.dev);
      if (own.size < at) {
        at = 0;
        splitter.forget();
      }
    }
  }
}

function ifMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}

/** Bytes to lines, as UTF-8; a line that is not ended waits. */
export class LineSplitter {
  readonly #onTooLong: () => void;
  #rest = Buffer.alloc(0);
  #skipping = false;

  constructor(onTooLong: () => void) {
    this.#onTooLong = onTooLong;
  }

  *push(chunk: Uint8Array): Generator<string, void, void> {
    const data = Buffer.concat([this.#rest, chunk]);
    let from = 0;
    for (let to = data.indexOf(NEWLINE); to >= 0; to = data.indexOf(NEWLINE, from)) {
      if (this.#skipping) this.#skipping = false;
      else if (to - from > LONGEST_LINE_BYTES) this.#onTooLong();
      else if (to > from) yield data.toString('utf8', from, to);
      from = to + 1;
    }
    this.#rest = data.subarray(from);
    if (this.#rest.length <= LONGEST_LINE_BYTES) return;
    if (!this.#skipping) this.#onTooLong();
    this.#skipping = true;
    this.#rest = Buffer.alloc(0);
  }

  /** The last line, which nobody ended. */
  *end(): Generator<string, void, void> {
    if (this.#rest.length > 0 && !this.#skipping) yield this.#rest.toString('utf8');
    this.forget();
  }

  forget(): void {
    this.#rest = Buffer.alloc(0);
    this.#skipping = false;
  }
}
