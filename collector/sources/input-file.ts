/** Opens a file or stdin as a stream of bytes, decompressed where it is gzip or zstd. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { SourceError } from './source.ts';

const READ_BYTES = 1 << 18;

interface Compression {
  readonly name: string;
  readonly magic: Buffer;
  /** What is decompressed at once: up to 16 MiB come out of it, or 32. */
  readonly pieceBytes: number;
  readonly open: () => Transform;
}

/** RFC 1952 and RFC 8878. A thousand times as much as went in may come out of gzip, of zstd 32,768 times. */
const COMPRESSIONS: readonly Compression[] = [
  { name: 'gzip', magic: Buffer.of(0x1f, 0x8b), pieceBytes: 1 << 14, open: () => createGunzip() },
  { name: 'zstd', magic: Buffer.of(0x28, 0xb5, 0x2f, 0xfd), pieceBytes: 1 << 10, open: () => createZstdDecompress() },
];
/** What tells a compression. */
export const MAGIC_BYTES = Math.max(...COMPRESSIONS.map(({ magic }) => magic.length));

/** @param first bytes of a file, `MAGIC_BYTES` or more where it has as many. @returns null where they are none that can be read */
export function compressionOf(first: Uint8Array): Compression | null {
  return COMPRESSIONS.find(({ magic }) => magic.equals(first.subarray(0, magic.length))) ?? null;
}

export interface InputFile {
  /** Size on disk; null of stdin. */
  readonly bytes: number | null;
  /** Bytes read of it so far. */
  readonly bytesRead: () => number;
  /** Chunks after decompression; each is free to be kept. Throws SourceError where the file cannot be read on; what came before is yielded first. */
  readonly chunks: AsyncGenerator<Uint8Array, void, void>;
}

/**
 * @param file a path, or - for stdin
 * @throws SourceError where it is missing, a folder, or not readable
 */
export async function openInput(spec: string, file: string, stop: AbortSignal): Promise<InputFile> {
  if (file === '-') return input(spec, process.stdin, null, stop);
  const found = await stat(file).catch((cause: unknown) => {
    throw new SourceError(spec, 'there is no such file', 'Check the path', { cause });
  });
  if (found.isDirectory()) throw new SourceError(spec, 'is a folder', 'Name a file in it');
  return input(spec, createReadStream(file, { highWaterMark: READ_BYTES }), found.isFile() ? found.size : null, stop);
}

function input(
  spec: string,
  raw: NodeJS.ReadStream | ReturnType<typeof createReadStream>,
  bytes: number | null,
  stop: AbortSignal,
): InputFile {
  let read = 0;

  async function* counted(): AsyncGenerator<Uint8Array, void, void> {
    const close = (): unknown => raw.destroy();
    stop.addEventListener('abort', close, { once: true });
    try {
      for await (const chunk of raw as AsyncIterable<Uint8Array>) {
        read += chunk.length;
        yield chunk;
      }
    } catch (cause) {
      if (stop.aborted) return;
      throw new SourceError(
        spec,
        `cannot be read past byte ${read}: ${text(cause)}`,
        'Check the file and its permissions',
        { cause },
      );
    } finally {
      stop.removeEventListener('abort', close);
      raw.destroy();
    }
  }

  return { bytes, bytesRead: () => read, chunks: decompressed(spec, counted()) };
}

async function* decompressed(
  spec: string,
  raw: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  let first = Buffer.alloc(0);
  for (let ended = false; first.length < MAGIC_BYTES && !ended; ) {
    const next = await raw.next();
    ended = next.done === true;
    if (next.value) first = Buffer.concat([first, next.value]);
  }
  const compression = compressionOf(first);
  if (compression) return yield* decompress(spec, compression, joined(first, raw));
  if (first.length > 0) yield first;
  yield* raw;
}

/** One piece in, what it makes out: so that the bytes before damage are delivered, and never many at once. */
async function* decompress(
  spec: string,
  { name, pieceBytes, open }: Compression,
  raw: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const stream = open();
  let out: Uint8Array[] = [];
  let failure: Error | null = null;
  stream.on('data', (chunk: Uint8Array) => out.push(chunk));
  let settle = (): void => {};
  stream.on('error', (error) => {
    failure = error;
    settle();
  });
  const settled = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      settle = resolve;
      begin(resolve);
    });
  try {
    for await (const chunk of raw) {
      for (let at = 0; at < chunk.length && !failure; at += pieceBytes) {
        await settled((done) => stream.write(chunk.subarray(at, at + pieceBytes), done));
        const ready = out;
        out = [];
        yield* ready;
      }
      if (failure) break;
    }
    if (!failure) await settled((done) => stream.once('end', done).end());
    yield* out;
  } finally {
    stream.destroy();
  }
  if (failure) {
    const remedy = 'What came before was read; copy the file again if it should be whole';
    throw new SourceError(spec, `its ${name} is cut or damaged: ${text(failure)}`, remedy, { cause: failure });
  }
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  yield first;
  yield* rest;
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
