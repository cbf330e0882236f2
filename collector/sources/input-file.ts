/** Opens a file or stdin as a stream of bytes, gunzipped where it is gzip. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { SourceError } from './source.ts';

const READ_BYTES = 1 << 18;
/** What is gunzipped at once: a thousand times as much may come out. */
const GUNZIP_BYTES = 1 << 14;

export interface InputFile {
  /** Size on disk; null of stdin. */
  readonly bytes: number | null;
  /** Bytes read of it so far. */
  readonly bytesRead: () => number;
  /** Chunks after gunzip; each is free to be kept. Throws SourceError where the file cannot be read on; what came before is yielded first. */
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

  return { bytes, bytesRead: () => read, chunks: gunzipped(spec, counted()) };
}

async function* gunzipped(
  spec: string,
  raw: AsyncGenerator<Uint8Array, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  let first = Buffer.alloc(0);
  for (let ended = false; first.length < 2 && !ended; ) {
    const next = await raw.next();
    ended = next.done === true;
    if (next.value) first = Buffer.concat([first, next.value]);
  }
  if (first[0] === 0x1f && first[1] === 0x8b) return yield* gunzip(spec, first, raw);
  if (first.length > 0) yield first;
  yield* raw;
}

/** One piece in, what it makes out: so that the bytes before damage are delivered, and never many at once. */
async function* gunzip(
  spec: string,
  first: Uint8Array,
  raw: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const stream = createGunzip();
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
    for await (const chunk of joined(first, raw)) {
      for (let at = 0; at < chunk.length && !failure; at += GUNZIP_BYTES) {
        await settled((done) => stream.write(chunk.subarray(at, at + GUNZIP_BYTES), done));
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
    throw new SourceError(spec, `its gzip is cut or damaged: ${text(failure)}`, remedy, { cause: failure });
  }
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  yield first;
  yield* rest;
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
