/** Spool folders of a test, and what a spool holds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach } from 'vitest';
import type { Batch } from '../collector/delivery/batch.ts';
import type { Spool } from '../collector/delivery/spool.ts';
import { batch as batchSchema } from '../contract/detect-request.ts';
import { made } from './made-windows.ts';

const folders: string[] = [];

/** Gone after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-spool-'));
  folders.push(folder);
  return folder;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

export const contents = (batch: Batch | null) => batchSchema.parse(JSON.parse(gunzipSync(batch!.body).toString()));
export const idsOf = (batch: Batch | null): string[] => contents(batch).windows.map(({ id }) => id);
export const ids = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => made(from + i).id);

/** Everything that waits, oldest first, each batch taken as stored. */
export function drain(spool: Spool): string[] {
  const found: string[] = [];
  for (let lane = spool.backlog ?? spool.live; spool.waiting > 0; lane = spool.backlog ?? spool.live) {
    found.push(...idsOf(lane.next()));
    spool.stored(lane);
  }
  return found;
}

export const lostOf = (spool: Spool): number => Object.values(spool.lost).reduce((sum, count) => sum + count, 0);
