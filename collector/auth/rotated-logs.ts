/** What was in a log before it was rotated: in which files, and their lines that still count, also where those are compressed. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { compressionOf, MAGIC_BYTES, openInput } from '../sources/input-file.ts';
import { recentOfChunks, recentOfFile, type Since } from './log-start.ts';

/** What logrotate puts behind a log's name: a number, or a date by `dateext` and `dateformat`; and behind that the compression's own. */
const ROTATED = /^([.-]\d[\d.:_T-]*?)(\.(?:gz|zst|xz|bz2|lzma|lz4|Z))?$/;
/** Of a compressed log, which has to be read from its beginning. */
const MOST_BYTES = 2 ** 30;

/** A rotated log that cannot be read, or not to its end. */
export class RotatedLogError extends Error {
  override readonly name = 'RotatedLogError';
  readonly path: string;

  constructor(path: string, what: string, options?: ErrorOptions) {
    super(`${path}: ${what}`, options);
    this.path = path;
  }
}

export interface RotatedLog {
  readonly path: string;
  readonly isCompressed: boolean;
}

/**
 * The files that a log was rotated into and that were written since `oldest_ms`, the oldest first: `auth.log.1`, `secure-20261129.gz`.
 * logrotate leaves a file its time when it compresses it.
 */
export async function rotatedSince(path: string, since: Since): Promise<RotatedLog[]> {
  const name = basename(path);
  const names = await readdir(dirname(path)).catch(noneIfMissing);
  const found = names.flatMap((other) => {
    const [, stamp, ending] = (other.startsWith(name) && ROTATED.exec(other.slice(name.length))) || [];
    // While a file is being compressed it stands beside what is made of it.
    if (stamp === undefined || (ending !== undefined && names.includes(name + stamp))) return [];
    return [{ path: join(dirname(path), other), isCompressed: ending !== undefined }];
  });
  // One that has gone meanwhile is missed, and not left out: it was just compressed or renamed.
  const writtenAt = async (file: string): Promise<number> => (await stat(file).catch(() => null))?.mtimeMs ?? Infinity;
  const dated = await Promise.all(found.map(async (log) => ({ log, ms: await writtenAt(log.path) })));
  return dated
    .filter(({ ms }) => ms >= since.oldest_ms())
    .sort((one, other) => one.ms - other.ms)
    .map(({ log }) => log);
}

/**
 * The bytes of a rotated log from the first line that counts, or from a little before it.
 * @throws where it cannot be read on; what came before is yielded first
 */
export async function* recentBytes(
  { path, isCompressed }: RotatedLog,
  since: Since,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  await using file = await open(path);
  if (!isCompressed) return yield* recentOfFile(file, since);
  const first = Buffer.alloc(MAGIC_BYTES);
  await file.read(first, 0, MAGIC_BYTES, 0);
  if (compressionOf(first) === null) throw new RotatedLogError(path, 'is compressed by neither gzip nor zstd');
  const { chunks } = await openInput(path, path, stop);
  yield* recentOfChunks(atMost(MOST_BYTES, path, chunks), since);
}

async function* atMost(
  most: number,
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > most) throw new RotatedLogError(path, `holds more than ${most} bytes`);
    yield chunk;
  }
}

function noneIfMissing(error: unknown): string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
}
