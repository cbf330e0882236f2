/** Where a log is begun that was there before: at the lines that still count. */
import type { FileHandle } from 'node:fs/promises';

/** More than two of the longest lines that are read. */
const PROBE_BYTES = 1 << 15;
const NEWLINE = 0x0a;

/** Which lines count. */
export interface Since {
  /** Of a line, in milliseconds since 1970; null where it has none. */
  timeOf_ms(line: string): number | null;
  /** Lines before this are of no use. */
  oldest_ms(): number;
}

/**
 * Finds, by bisection, where a log of times in order reaches `oldest_ms`.
 * @returns an offset at which a line begins, at most `PROBE_BYTES` before the first line that counts
 */
export async function offsetOf(file: FileHandle, since: Since): Promise<number> {
  const oldest_ms = since.oldest_ms();
  let [low, high] = [0, (await file.stat()).size];
  while (high - low > PROBE_BYTES) {
    const middle = Math.floor((low + high) / 2);
    if (beginsBefore(oldest_ms, await probe(file, middle), since)) low = middle;
    else high = middle;
  }
  return low === 0 ? 0 : low + firstLineAt(await probe(file, low));
}

/** The bytes of a file from the first line that counts. */
export async function* recentOfFile(file: FileHandle, since: Since): AsyncGenerator<Uint8Array, void, void> {
  const chunk = Buffer.alloc(PROBE_BYTES);
  for (let at = await offsetOf(file, since); ; ) {
    const { bytesRead } = await file.read(chunk, 0, PROBE_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/**
 * The same of what can be read from its beginning only. What came before a failure is yielded first.
 * @param chunks in order, each free to be kept
 */
export async function* recentOfChunks(
  chunks: AsyncIterable<Uint8Array>,
  since: Since,
): AsyncGenerator<Uint8Array, void, void> {
  const oldest_ms = since.oldest_ms();
  let held: Uint8Array | null = null;
  let begun = false;
  try {
    for await (const chunk of inProbes(chunks)) {
      begun ||= !beginsBefore(oldest_ms, chunk, since);
      if (begun && held) yield held;
      held = begun ? chunk : chunk.subarray(firstLineAt(chunk));
    }
  } catch (error) {
    if (held) yield held;
    throw error;
  }
  if (held) yield held;
}

/** Long enough for a whole line in each but the last. What came before a failure is yielded first. */
async function* inProbes(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  const joined = (): Uint8Array => {
    const whole = Buffer.concat(parts);
    [parts, bytes] = [[], 0];
    return whole;
  };
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      parts.push(chunk);
      if (bytes >= PROBE_BYTES) yield joined();
    }
  } catch (error) {
    yield joined();
    throw error;
  }
  yield joined();
}

async function probe(file: FileHandle, at: number): Promise<Uint8Array> {
  const chunk = Buffer.alloc(PROBE_BYTES);
  const { bytesRead } = await file.read(chunk, 0, PROBE_BYTES, at);
  return chunk.subarray(0, bytesRead);
}

/** Whether the first line with a time, of those that are whole, is older. */
function beginsBefore(oldest_ms: number, chunk: Uint8Array, { timeOf_ms }: Since): boolean {
  for (let from = firstLineAt(chunk); from > 0; ) {
    const to = chunk.indexOf(NEWLINE, from);
    if (to < 0) return false;
    const time_ms = timeOf_ms(Buffer.from(chunk.buffer, chunk.byteOffset + from, to - from).toString('utf8'));
    if (time_ms !== null) return time_ms < oldest_ms;
    from = to + 1;
  }
  return false;
}

/** Where the first line begins that does not begin before the chunk; 0 where none does. */
const firstLineAt = (chunk: Uint8Array): number => chunk.indexOf(NEWLINE) + 1;
