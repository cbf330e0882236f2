/** Compresses answers as the client accepts it: gzip by the runtime itself, zstd by its copy of Node's zlib. */
import { zstdCompressSync } from 'node:zlib';
import type { MiddlewareHandler } from 'hono';
import { accepts } from 'hono/accepts';

/** Below it an answer fits into one or two packets anyhow. */
const LEAST_BYTES = 1024;

/** For answers that fit into memory, which all of Vigía's do. */
export const compress: MiddlewareHandler = async (c, next) => {
  await next();
  const answer = c.res;
  if (answer.body === null || answer.headers.has('content-encoding')) return;
  const encoding = accepts(c, { header: 'Accept-Encoding', supports: ['zstd', 'gzip'], default: 'identity' });
  const bytes = encoding === 'identity' ? null : await answer.arrayBuffer();
  if (bytes !== null) c.res = encoded(answer, bytes, encoding);
  c.res.headers.append('vary', 'Accept-Encoding');
};

function encoded(answer: Response, bytes: ArrayBuffer, encoding: string): Response {
  if (bytes.byteLength < LEAST_BYTES) return new Response(bytes, answer);
  const headers = new Headers(answer.headers);
  headers.set('content-encoding', encoding);
  const { status } = answer;
  // The runtime encodes what is marked as gzip, and leaves alone what is not its own.
  if (encoding === 'gzip') return new Response(bytes, { status, headers });
  return new Response(zstdCompressSync(new Uint8Array(bytes)), { status, headers, encodeBody: 'manual' });
}
