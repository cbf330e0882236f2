/** Where a log is begun that was there before: at the lines that still count, also of the file that was rotated away meanwhile. */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

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
    const time_ms = firstTime(await linesAt(file, middle), since);
    if (time_ms !== null && time_ms < oldest_ms) low = middle;
    else high = middle;
  }
  return low === 0 ? 0 : low + (await skipped(file, low));
}

/**
 * The file that holds what was in the log before: `auth.log.1`, or `secure-20261129` where logrotate names by date; the newest, while
 * it is not compressed.
 * @returns null where there is none, or none that was written since `oldest_ms`
 */
export async function predecessor(path: string, since: Since): Promise<string | null> {
  const name = basename(path);
  const isRotated = (other: string): boolean =>
    other.startsWith(name) && /^(?:\.1|-\d{8}(?:-\d{1,10})?)$/.test(other.slice(name.length));
  const found = (await readdir(dirname(path))).filter(isRotated).map((other) => join(dirname(path), other));
  const written = await Promise.all(found.map(async (file) => ({ file, ms: (await stat(file)).mtimeMs })));
  const [newest] = written.sort((one, other) => other.ms - one.ms);
  return newest && newest.ms >= since.oldest_ms() ? newest.file : null;
}

/** The bytes of a file from the first line that counts. */
export async function* recentBytes(path: string, since: Since): AsyncGenerator<Uint8Array, void, void> {
  await using file = await open(path);
  const chunk = Buffer.alloc(PROBE_BYTES);
  for (let at = await offsetOf(file, since); ; ) {
    const { bytesRead } = await file.read(chunk, 0, PROBE_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

async function linesAt(file: FileHandle, at: number): Promise<string[]> {
  const chunk = Buffer.alloc(PROBE_BYTES);
  const { bytesRead } = await file.read(chunk, 0, PROBE_BYTES, at);
  return chunk.toString('utf8', 0, bytesRead).split('\n').slice(1, -1);
}

function firstTime(lines: readonly string[], { timeOf_ms }: Since): number | null {
  for (const line of lines) {
    const time_ms = timeOf_ms(line);
    if (time_ms !== null) return time_ms;
  }
  return null;
}

/** Bytes to the next beginning of a line. */
async function skipped(file: FileHandle, at: number): Promise<number> {
  const chunk = Buffer.alloc(PROBE_BYTES);
  const { bytesRead } = await file.read(chunk, 0, PROBE_BYTES, at);
  return chunk.subarray(0, bytesRead).indexOf(NEWLINE) + 1;
}
