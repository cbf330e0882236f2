/** Reads a request body under hard bounds on its decompressed size and on its time. */
import { constants, zstdDecompressSync } from 'node:zlib';
import { HttpProblem } from './problem.ts';

/** What an oversized upload may still send before the connection is given up: a client that is cut off never reads the 413. */
const DRAIN_BYTES = 16 * 1024 * 1024;
/** 8 MiB: the most that a sender may ask a receiver to hold (RFC 9659). */
const ZSTD_WINDOW_LOG = 23;
/** For a whole body: workerd bounds the time of a request's head (15 s), and never that of its body. */
const BODY_TIMEOUT_MS = 30_000;

/**
 * The body, decompressed as `Content-Encoding: gzip` or `zstd` says.
 * @throws HttpProblem 400 (missing, broken compression), 408 (too slow), 413 (past `limitBytes`), 415 (another encoding)
 */
export async function readBytes(request: Request, limitBytes: number): Promise<Uint8Array> {
  if (request.body === null) throw new HttpProblem(400, 'The request has no body.');
  const bytes = await inTime(decompressed(request, request.body, limitBytes));
  if (bytes.byteLength === 0) throw new HttpProblem(400, 'The request has no body.');
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
}

/** The body as text. @throws HttpProblem as `readBytes`, and 400 where it is not UTF-8 */
export async function readText(request: Request, limitBytes: number): Promise<string> {
  const bytes = await readBytes(request, limitBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new HttpProblem(400, 'The body is not valid UTF-8.', {}, { cause });
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const detail = `The body did not arrive within ${BODY_TIMEOUT_MS / 1000} s; post fewer windows at once.`;
    late.reject(new HttpProblem(408, detail, { headers: { connection: 'close' } }));
  }, BODY_TIMEOUT_MS);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function decompressed(
  request: Request,
  body: ReadableStream,
  limitBytes: number,
): Promise<Uint8Array | ArrayBuffer> {
  const encoding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') {
    const announced = Number(request.headers.get('content-length') ?? Number.NaN);
    if (announced <= limitBytes) return request.arrayBuffer();
    return collect(body, limitBytes);
  }
  if (encoding !== 'gzip' && encoding !== 'zstd')
    throw new HttpProblem(
      415,
      `Content-Encoding ${JSON.stringify(encoding.slice(0, 32))} is not supported; send gzip, zstd or none.`,
      {
        headers: { 'accept-encoding': 'gzip, zstd' },
      },
    );
  try {
    if (encoding === 'zstd') return unzstd(await collect(body, limitBytes), limitBytes);
    return await collect(body.pipeThrough(new DecompressionStream('gzip')), limitBytes);
  } catch (cause) {
    if (cause instanceof HttpProblem) throw cause;
    throw new HttpProblem(400, `The body is not valid ${encoding}.`, {}, { cause });
  }
}

function unzstd(bytes: Uint8Array, limitBytes: number): Uint8Array {
  const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG };
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: limitBytes, params });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(limitBytes, cause);
    throw cause;
  }
}

function tooLarge(limitBytes: number, cause?: unknown): HttpProblem {
  const detail = `The body is larger than ${limitBytes} bytes; post fewer windows at once.`;
  return new HttpProblem(413, detail, {}, { cause });
}

async function collect(stream: ReadableStream<Uint8Array>, limitBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.byteLength;
    if (total > DRAIN_BYTES) {
      await reader.cancel();
      break;
    }
    if (total <= limitBytes) chunks.push(value);
  }
  if (total > limitBytes) throw tooLarge(limitBytes);
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}
