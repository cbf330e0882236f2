/** Windows that the edge will never take, with its reason, for a person to look at; bounded. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import type { Batch } from './batch.ts';

const MAX_FILES = 100;
const MAX_BYTES = 16 * 1024 * 1024;
const counted = z.object({ windows: z.number() });

export class RejectedFolder {
  readonly #folder: string;
  /** Windows of batches that made room for newer ones or could not be written. */
  droppedWindows = 0;
  writeError: string | null = null;

  constructor(spoolFolder: string) {
    this.#folder = join(spoolFolder, 'rejected');
  }

  add(batch: Batch, reason: string): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
      const body: unknown = JSON.parse(gunzipSync(batch.body).toString('utf8'));
      const text = JSON.stringify({ id: batch.id, reason, windows: batch.windows, body });
      const last = this.#makeRoom(text.length);
      const order = String(last + 1).padStart(9, '0');
      writeFileSync(join(this.#folder, `${order}-${batch.id}.json`), text, { mode: 0o600 });
      this.writeError = null;
    } catch (error) {
      this.droppedWindows += batch.windows;
      this.writeError = error instanceof Error ? error.message : String(error);
    }
  }

  /** @returns number of the newest file */
  #makeRoom(bytes: number): number {
    const files = readdirSync(this.#folder).sort();
    const sizes = files.map((name) => statSync(join(this.#folder, name)).size);
    let total = sizes.reduce((sum, size) => sum + size, bytes);
    for (const [i, name] of files.entries()) {
      if (files.length - i < MAX_FILES && total <= MAX_BYTES) break;
      this.#drop(join(this.#folder, name));
      total -= sizes[i] ?? 0;
    }
    return Number(files.at(-1)?.slice(0, 9) ?? 0);
  }

  /** A file that a crash cut short counts as one window. */
  #drop(file: string): void {
    this.droppedWindows += windowsOf(readFileSync(file, 'utf8'));
    rmSync(file);
  }
}

function windowsOf(text: string): number {
  try {
    return counted.parse(JSON.parse(text)).windows;
  } catch {
    return 1;
  }
}
