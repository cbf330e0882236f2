/**
 * Keeps batches on disk until the edge has stored them: one file a batch, written whole or not at all.
 *
 * A file is written under another name, synced, then renamed: after kill -9 or a power cut it is there as a whole, or not.
 * Its gzip trailer is its checksum. At the bound the oldest batches go, counted. While the disk refuses writes, batches stay
 * in memory under the same bound of their own.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Batch } from './batch.ts';
import { lockFolder } from './folder-lock.ts';

export interface SpoolBounds {
  readonly maxBytes: number;
  readonly maxBatches: number;
  /** Bytes kept in memory while the disk refuses writes. */
  readonly maxMemoryBytes: number;
}

export const DEFAULT_SPOOL_BOUNDS: SpoolBounds = {
  maxBytes: 256 * 1024 * 1024,
  maxBatches: 100_000,
  maxMemoryBytes: 16 * 1024 * 1024,
};

/** How batches can be lost here; each is counted and shown. */
export const SPOOL_LOSSES = [
  'dropped_spool_full',
  'dropped_memory_full',
  'dropped_corrupt',
  'dropped_too_many_rejected',
] as const;
export type SpoolLoss = (typeof SPOOL_LOSSES)[number];

interface Entry {
  readonly name: string;
  readonly bytes: number;
  /** The batch itself where it could not be written. */
  readonly inMemory: Uint8Array | null;
}

/** `<sequence>-<windows>-<id>.json.gz` */
const FILE_NAME = /^(\d{12})-(\d{1,4})-([0-9a-f]{32})\.json\.gz$/;
const UNFINISHED = '.part';
const MAX_REJECTED = 100;

export class Spool {
  readonly #folder: string;
  readonly #bounds: SpoolBounds;
  readonly #unlock: () => void;
  #entries: Entry[] = [];
  #sequence = 0;
  #bytes = 0;
  #memoryBytes = 0;
  /** Windows lost, by reason. */
  readonly lostWindows: Record<SpoolLoss, number> = {
    dropped_spool_full: 0,
    dropped_memory_full: 0,
    dropped_corrupt: 0,
    dropped_too_many_rejected: 0,
  };
  /** Batches that the disk refused; they are in memory. */
  writeFailures = 0;
  lastWriteError: string | null = null;

  /** @throws FolderInUseError where another collector uses the folder; the error of the system where it can't be made */
  constructor(folder: string, bounds: SpoolBounds = DEFAULT_SPOOL_BOUNDS) {
    this.#folder = folder;
    this.#bounds = bounds;
    mkdirSync(this.#rejectedFolder, { recursive: true });
    this.#unlock = lockFolder(folder);
    for (const name of readdirSync(folder).sort()) {
      if (name.endsWith(UNFINISHED)) rmSync(join(folder, name));
      const sequence = FILE_NAME.exec(name)?.[1];
      if (sequence === undefined) continue;
      this.#admit({ name, bytes: statSync(join(folder, name)).size, inMemory: null });
      this.#sequence = Number(sequence) + 1;
    }
  }

  get batches(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes + this.#memoryBytes;
  }

  /** Keeps a batch until `remove`; the oldest make room for it where they must. */
  add(batch: Batch): void {
    const name = `${String(this.#sequence++).padStart(12, '0')}-${batch.windows}-${batch.id}.json.gz`;
    const written = this.#write(name, batch.body);
    this.#admit({ name, bytes: batch.body.length, inMemory: written ? null : batch.body });
    this.#keepBounds();
  }

  /** The newest batch, so that what happens now is told first; then the oldest ones. Null where there is none. */
  peek(which: 'newest' | 'oldest'): { name: string; batch: Batch } | null {
    for (;;) {
      const entry = which === 'newest' ? this.#entries.at(-1) : this.#entries[0];
      if (!entry) return null;
      const batch = this.#read(entry);
      if (batch) return { name: entry.name, batch };
      this.#forget(entry);
      this.lostWindows.dropped_corrupt += windowsOf(entry);
    }
  }

  /** The edge has stored it. */
  remove(name: string): void {
    const entry = this.#entries.find((candidate) => candidate.name === name);
    if (entry) this.#forget(entry);
  }

  /** Sets aside a batch that the edge will never take, for a person to look at; of these the oldest go. */
  reject(name: string, batch: Batch): void {
    this.remove(name);
    const kept = readdirSync(this.#rejectedFolder).sort();
    for (const old of kept.slice(0, Math.max(0, kept.length - MAX_REJECTED + 1))) {
      rmSync(join(this.#rejectedFolder, old), { force: true });
      this.lostWindows.dropped_too_many_rejected += Number(FILE_NAME.exec(old)?.[2] ?? 0);
    }
    this.#write(join('rejected', name), batch.body);
  }

  close(): void {
    this.#unlock();
  }

  get #rejectedFolder(): string {
    return join(this.#folder, 'rejected');
  }

  #admit(entry: Entry): void {
    this.#entries.push(entry);
    if (entry.inMemory) this.#memoryBytes += entry.bytes;
    else this.#bytes += entry.bytes;
  }

  #forget(entry: Entry): void {
    this.#entries = this.#entries.filter((candidate) => candidate !== entry);
    if (entry.inMemory) this.#memoryBytes -= entry.bytes;
    else {
      this.#bytes -= entry.bytes;
      rmSync(join(this.#folder, entry.name), { force: true });
    }
  }

  #keepBounds(): void {
    const { maxBytes, maxBatches, maxMemoryBytes } = this.#bounds;
    while (this.#memoryBytes > maxMemoryBytes) this.#drop((entry) => entry.inMemory !== null, 'dropped_memory_full');
    while (this.#bytes > maxBytes || this.#entries.length > maxBatches) this.#drop(() => true, 'dropped_spool_full');
  }

  #drop(which: (entry: Entry) => boolean, loss: SpoolLoss): void {
    const entry = this.#entries.find(which);
    if (!entry) throw new RangeError('the spool is over its bound and empty');
    this.#forget(entry);
    this.lostWindows[loss] += windowsOf(entry);
  }

  #write(name: string, body: Uint8Array): boolean {
    const file = join(this.#folder, name);
    try {
      const descriptor = openSync(file + UNFINISHED, 'w', 0o600);
      try {
        for (let written = 0; written < body.length; ) written += writeSync(descriptor, body, written);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(file + UNFINISHED, file);
      return true;
    } catch (error) {
      this.writeFailures++;
      this.lastWriteError = error instanceof Error ? error.message : String(error);
      rmSync(file + UNFINISHED, { force: true });
      return false;
    }
  }

  #read(entry: Entry): Batch | null {
    const [, , windows = '0', id = ''] = FILE_NAME.exec(entry.name) ?? [];
    if (entry.inMemory) return { id, windows: Number(windows), body: entry.inMemory };
    try {
      const body = readFileSync(join(this.#folder, entry.name));
      gunzipSync(body, { maxOutputLength: 4 * 1024 * 1024 });
      return { id, windows: Number(windows), body };
    } catch {
      return null;
    }
  }
}

const windowsOf = (entry: Entry): number => Number(FILE_NAME.exec(entry.name)?.[2] ?? 0);
