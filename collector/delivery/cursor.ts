/** How far the edge has stored the window log, and which batch is on its way: a small file, replaced as a whole. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { contextSchema } from './batch.ts';

const number = z.number().int().nonnegative();

const cursor = z.object({
  /** Number of the first window that the edge has not stored. */
  next: number,
  /** Number after the last window of the batch that is formed; null where none is. */
  batchEnd: number.nullable(),
  /** The windows before `next`, for the batch that begins there. */
  context: contextSchema,
});

export type Cursor = z.output<typeof cursor>;

const START: Cursor = { next: 0, batchEnd: null, context: [] };

/** A cursor that cannot be read is taken for a new one: windows are posted again under ids that the edge knows. */
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
