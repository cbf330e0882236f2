/** Batches that the edge will never take, with its reason, for a person to look at; bounded. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Batch } from './batch.ts';

const MAX_REJECTED = 100;
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
      const kept = readdirSync(this.#folder).sort();
      for (const name of kept.slice(0, Math.max(0, kept.length - MAX_REJECTED + 1)))
        this.#drop(join(this.#folder, name));
      const body: unknown = JSON.parse(gunzipSync(batch.body).toString('utf8'));
      const order = String(Number(kept.at(-1)?.slice(0, 9) ?? 0) + 1).padStart(9, '0');
      const file = join(this.#folder, `${order}-${batch.id}.json`);
      writeFileSync(file, JSON.stringify({ id: batch.id, reason, windows: batch.windows, body }), { mode: 0o600 });
      this.writeError = null;
    } catch (error) {
      this.droppedWindows += batch.windows;
      this.writeError = error instanceof Error ? error.message : String(error);
    }
  }

  #drop(file: string): void {
    this.droppedWindows += counted.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data?.windows ?? 0;
    rmSync(file);
  }
}
