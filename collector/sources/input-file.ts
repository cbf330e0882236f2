/** Opens a file or stdin as a stream of bytes, gunzipped where it is gzip. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SourceError } from './source.ts';

const GZIP_MAGIC = [0x1f, 0x8b];

/**
 * @param file a path, or - for stdin
 * @throws SourceError where it is missing, a folder, or not readable
 */
export async function openInput(spec: string, file: string): Promise<Readable> {
  if (file === '-') return gunzipped(process.stdin);
  const found = await stat(file).catch((cause: unknown) => {
    throw new SourceError(spec, 'there is no such file', 'Check the path', { cause });
  });
  if (found.isDirectory()) throw new SourceError(spec, 'is a folder', 'Name a file in it');
  return gunzipped(createReadStream(file, { highWaterMark: 1 << 18 }));
}

/** Looks at the first two bytes; a capture and NDJSON never start like gzip. */
async function gunzipped(input: Readable): Promise<Readable> {
  const first = await new Promise<Uint8Array | null>((resolve, reject) => {
    input.once('error', reject);
    input.once('end', () => resolve(null));
    input.once('readable', () => resolve(input.read() as Uint8Array | null));
  });
  const whole = input.pipe(startingWith(first));
  input.once('error', (error) => whole.destroy(error));
  if (first === null || first[0] !== GZIP_MAGIC[0] || first[1] !== GZIP_MAGIC[1]) return whole;
  const gunzip = createGunzip();
  whole.once('error', (error) => gunzip.destroy(error));
  return whole.pipe(gunzip);
}

function startingWith(first: Uint8Array | null): Transform {
  const stream = new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) });
  if (first) stream.write(first);
  return stream;
}
