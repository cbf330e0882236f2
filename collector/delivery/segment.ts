/** One file of the window log: records in order, numbered from the number in its name. */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord, encodeRecord, RECORD_HEADER_BYTES } from './record.ts';

const NAME = /^(\d{15})\.log$/;

export class Segment {
  /** Number of its first record. */
  readonly first: number;
  readonly #file: string;
  /** Where each record begins. */
  readonly #starts: number[] = [];
  #bytes = 0;
  #descriptor: number | null = null;
  #unsynced = false;
  /** Bytes after the last whole record that were cut off when it was opened: a write that a crash broke off, or damage. */
  readonly cutBytes: number;
  /** A broken write could not be undone: nothing may be appended any more. */
  sealed = false;

  private constructor(folder: string, first: number, found: Buffer | null) {
    this.first = first;
    this.#file = join(folder, `${String(first).padStart(15, '0')}.log`);
    for (let payload = found && decodeRecord(found, 0); found && payload; payload = decodeRecord(found, this.#bytes)) {
      this.#starts.push(this.#bytes);
      this.#bytes += RECORD_HEADER_BYTES + payload.length;
    }
    this.cutBytes = found ? found.length - this.#bytes : 0;
    if (this.cutBytes > 0) truncateSync(this.#file, this.#bytes);
  }

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

  /** Number after its last record. */
  get end(): number {
    return this.first + this.#starts.length;
  }

  /** @throws the error of the system; the segment is then as it was */
  append(payload: Uint8Array): void {
    this.#descriptor ??= openSync(this.#file, 'a', 0o600);
    const record = encodeRecord(payload);
    try {
      for (let written = 0; written < record.length; ) written += writeSync(this.#descriptor, record, written);
    } catch (error) {
      this.sealed = true;
      ftruncateSync(this.#descriptor, this.#bytes);
      this.sealed = false;
      throw error;
    }
    this.#starts.push(this.#bytes);
    this.#bytes += record.length;
    this.#unsynced = true;
  }

  /** Payloads of the records from number `from` on, at most `count`; null stands for a damaged one. */
  read(from: number, count: number): (Buffer | null)[] {
    const data = readFileSync(this.#file);
    return this.#starts.slice(from - this.first, from - this.first + count).map((start) => decodeRecord(data, start));
  }

  sync(): void {
    if (this.#descriptor !== null && this.#unsynced) fsyncSync(this.#descriptor);
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
}
