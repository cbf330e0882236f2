/** One file of the window log: records in order of their numbers. */
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeRecord, encodeRecord, nextRecordAt, RECORD_HEADER_BYTES } from './record.ts';

/** Appends, to a file that is empty then. */
const BEGIN = constants.O_APPEND | constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY;
const NAME = /^(\d{15})\.log$/;

export interface LoggedWindow {
  readonly number: number;
  readonly json: string;
}

export class Segment {
  /** Number in its name, that of its first record when it was begun. */
  readonly first: number;
  readonly #file: string;
  #numbers: number[] = [];
  /** Where each record begins. */
  #starts: number[] = [];
  #bytes = 0;
  #descriptor: number | null = null;
  #unsynced = false;
  /** Its name in the folder is durable. */
  #isNamed = false;
  /** Windows lost to damage between whole records, found when it was opened. */
  readonly damaged: number = 0;
  /** Bytes after the last whole record that were cut off when it was opened: a write that a crash broke off, or damage. */
  readonly cutBytes: number = 0;
  /** A broken write could not be undone: nothing may be appended any more. */
  sealed = false;

  private constructor(folder: string, first: number, found: Buffer | null) {
    this.first = first;
    this.#file = join(folder, `${String(first).padStart(15, '0')}.log`);
    if (!found) return;
    for (let at: number | null = 0; at !== null && at < found.length; ) {
      const record = decodeRecord(found, at);
      if (record && record.number >= this.end) {
        if (at > this.#bytes) this.damaged += Math.max(1, record.number - this.end);
        this.#numbers.push(record.number);
        this.#starts.push(at);
        at += RECORD_HEADER_BYTES + record.payload.length;
        this.#bytes = at;
      } else at = nextRecordAt(found, at);
    }
    this.cutBytes = found.length - this.#bytes;
    if (this.cutBytes > 0) truncateSync(this.#file, this.#bytes);
  }

  /** An empty one; its file comes with the first record. */
  static create(folder: string, first: number): Segment {
    return new Segment(folder, first, null);
  }

  /** Null where the name is no segment's. */
  static open(folder: string, name: string): Segment | null {
    const first = NAME.exec(name)?.[1];
    return first === undefined ? null : new Segment(folder, Number(first), readFileSync(join(folder, name)));
  }

  get bytes(): number {
    return this.#bytes;
  }

  get windows(): number {
    return this.#numbers.length;
  }

  /** Number of its first record; `end` where it has none. */
  get begin(): number {
    return this.#numbers[0] ?? this.first;
  }

  /** Number after its last record. */
  get end(): number {
    return (this.#numbers.at(-1) ?? this.first - 1) + 1;
  }

  /** How many times it was halved: its numbers are that thin. */
  get halvings(): number {
    return this.windows === 0 ? 0 : Math.round(Math.log2((this.end - this.first) / this.windows));
  }

  /** @throws the error of the system; the segment is then as it was */
  append({ number, json }: LoggedWindow): void {
    this.#descriptor ??= openSync(this.#file, this.#bytes === 0 ? BEGIN : 'a', 0o600);
    const record = encodeRecord(number, Buffer.from(json));
    try {
      for (let written = 0; written < record.length; ) written += writeSync(this.#descriptor, record, written);
    } catch (error) {
      this.sealed = true;
      ftruncateSync(this.#descriptor, this.#bytes);
      this.sealed = false;
      throw error;
    }
    this.#numbers.push(number);
    this.#starts.push(this.#bytes);
    this.#bytes += record.length;
    this.#unsynced = true;
  }

  /** Windows with a number from `from` up to, not including, `end`. */
  count(from: number, end: number): number {
    return Math.max(0, this.#indexOf(end) - this.#indexOf(from));
  }

  /** At most `count` windows from number `from` up to `end`; null stands for a damaged one. */
  read(from: number, end: number, count: number): (LoggedWindow | null)[] {
    const begin = this.#indexOf(from);
    const starts = this.#starts.slice(begin, Math.min(this.#indexOf(end), begin + count));
    if (starts.length === 0) return [];
    const data = readFileSync(this.#file);
    return starts.map((start) => {
      const record = decodeRecord(data, start);
      return record && { number: record.number, json: record.payload.toString('utf8') };
    });
  }

  /** Replaces the file as a whole. @throws the error of the system; the segment is then as it was */
  keepOnly(windows: readonly LoggedWindow[]): void {
    const part = `${this.#file}.part`;
    const records = windows.map(({ number, json }) => encodeRecord(number, Buffer.from(json)));
    try {
      writeFileSync(part, Buffer.concat(records), { mode: 0o600, flush: true });
      renameSync(part, this.#file);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
    this.close();
    this.#numbers = windows.map(({ number }) => number);
    this.#bytes = 0;
    this.#starts = records.map(({ length }) => {
      this.#bytes += length;
      return this.#bytes - length;
    });
  }

  /** Makes durable what is written, and of a new file its name: fsync(2) of a file leaves that out. */
  sync(): void {
    if (this.#descriptor === null || !this.#unsynced) return;
    fsyncSync(this.#descriptor);
    if (!this.#isNamed) syncFolder(dirname(this.#file));
    this.#isNamed = true;
    this.#unsynced = false;
  }

  close(): void {
    if (this.#descriptor === null) return;
    closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  delete(): void {
    this.close();
    rmSync(this.#file, { force: true });
  }

  /** Place of the first record whose number is not below `number`. */
  #indexOf(number: number): number {
    let [low, high] = [0, this.#numbers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
