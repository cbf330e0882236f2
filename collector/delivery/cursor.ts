/** How far the edge has stored the window log, and which batches are on their way: a small file, replaced as a whole. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { contextSchema } from './batch.ts';

/** Each outage during a catch-up leaves one more stretch behind; past this the newest windows wait for those before them. */
export const MAX_BACKLOG = 8;

const number = z.number().int().nonnegative();

const stretch = z.object({
  /** Number of the first window that the edge has not stored. */
  next: number,
  /** Number after the last window of the batch that is formed; null where none is. */
  batchEnd: number.nullable(),
  /** The windows before `next`, for the batch that begins there. */
  context: contextSchema,
  /** Number after the last window of the stretch; null where it grows. */
  end: number.nullable(),
});
export type Stretch = z.output<typeof stretch>;

const cursor = z.object({
  /** Windows that wait behind the newest, oldest first. */
  backlog: z.array(stretch.extend({ end: number })).max(MAX_BACKLOG),
  live: stretch.extend({ end: z.null() }),
});
export interface Cursor {
  readonly backlog: readonly Stretch[];
  readonly live: Stretch;
}

const START: Cursor = { backlog: [], live: { next: 0, batchEnd: null, context: [], end: null } };

/** A cursor that cannot be read is taken for a new one: windows are posted again. */
export function readCursor(folder: string): Cursor {
  const file = join(folder, 'cursor.json');
  if (!existsSync(file)) return START;
  try {
    return cursor.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return START;
    throw error;
  }
}

/** Durable when it returns. @throws the error of the system; the file is then as it was */
export function writeCursor(folder: string, value: Cursor): void {
  const part = join(folder, 'cursor.json.part');
  const descriptor = openSync(part, 'w', 0o600);
  try {
    const bytes = Buffer.from(JSON.stringify(value));
    for (let written = 0; written < bytes.length; ) written += writeSync(descriptor, bytes, written);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(part, join(folder, 'cursor.json'));
}
