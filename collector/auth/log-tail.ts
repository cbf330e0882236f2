/** Follows a log file through rotation, truncation and absence, line by line. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../sources/clock.ts';
import type { Losses, Tell } from '../sources/source.ts';
import { offsetOf, type Since } from './log-start.ts';
import { recentBytes, rotatedSince } from './rotated-logs.ts';

const LOOK_EVERY_MS = 500;
const READ_BYTES = 1 << 16;
/** Longer lines are skipped, and counted. */
const LONGEST_LINE_BYTES = 1 << 13;
const NEWLINE = 0x0a;
/** By its first bytes a log is known again: they hold the time of its first line. */
const HEAD_BYTES = 256;

/** What is followed line by line. */
export interface LineReader {
  /** Lines as they come; null whenever there are no more for now. Ends when `stop` aborts. */
  lines(stop: AbortSignal): AsyncGenerator<string | null, void, void>;
  /** What was skipped or may be missing. */
  losses(): Losses;
}

export class LogTail implements LineReader {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #since: Since | null;
  readonly #tell: Tell;
  #tooLong = 0;
  #truncated = 0;
  #unread = 0;

  /**
   * @param since where a log that is there already is begun; null: at its beginning
   * @param tell called for each rotated log that cannot be read to its end
   */
  constructor(path: string, clock: Clock, since: Since | null = null, tell: Tell = () => {}) {
    this.#path = path;
    this.#clock = clock;
    this.#since = since;
    this.#tell = tell;
  }

  losses(): Losses {
    return { line_too_long: this.#tooLong, log_truncated: this.#truncated, rotated_log_unread: this.#unread };
  }

  async *lines(stop: AbortSignal): AsyncGenerator<string | null, void, void> {
    let since = this.#since;
    while (!stop.aborted) {
      const file = await open(this.#path).catch(ifMissing);
      const from = file && since ? await offsetOf(file, since) : 0;
      if (since && from === 0) yield* this.#before(since, stop);
      since = null;
      if (file === null) {
        yield null;
        await this.#clock.sleep(LOOK_EVERY_MS, stop);
        continue;
      }
      try {
        yield* this.#linesOf(file, from, stop);
      } finally {
        await file.close();
      }
    }
  }

  /** What the log does not reach back to, where it was rotated a short while ago. */
  async *#before(since: Since, stop: AbortSignal): AsyncGenerator<string, void, void> {
    const missed = (file: string, error: unknown): void => {
      this.#unread++;
      this.#tell('rotated_log_unread', { file, message: error instanceof Error ? error.message : String(error) });
    };
    const rotated = await rotatedSince(this.#path, since).catch((error: unknown) => {
      missed(dirname(this.#path), error);
      return [];
    });
    for (const log of rotated) {
      const splitter = new LineSplitter(() => this.#tooLong++);
      try {
        for await (const chunk of recentBytes(log, since, stop)) {
          yield* splitter.push(chunk);
          if (stop.aborted) return;
        }
      } catch (error) {
        if (!stop.aborted) missed(log.path, error);
      }
      yield* splitter.end();
    }
  }

  /** Of one file, from an offset on, until another stands under its name. */
  async *#linesOf(file: FileHandle, from: number, stop: AbortSignal): AsyncGenerator<string | null, void, void> {
    const splitter = new LineSplitter(() => this.#tooLong++);
    const chunk = Buffer.alloc(READ_BYTES);
    let at = from;
    let head = await headOf(file);
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
      // One that was cut and has grown past where it was begins otherwise.
      const begins = await headOf(file);
      if (own.size < at || !begins.subarray(0, head.length).equals(head)) {
        at = 0;
        splitter.forget();
        this.#truncated++;
      }
      head = begins;
    }
  }
}

async function headOf(file: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  return head.subarray(0, bytesRead);
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

function ifMissing(error: unknown): null {
  if (isMissing(error)) return null;
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
