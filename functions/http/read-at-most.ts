/** Reads an answer from outside, under a bound on its size and until a signal aborts. */

export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

/** @throws TooLargeError past `limit` bytes; the reason of `signal` where it aborts before the end */
export async function readAtMost(
  response: Response,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array();
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted]);
      if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
      bytes += value.byteLength;
      if (bytes > limit) throw new TooLargeError(`The answer is larger than ${limit} bytes`);
      chunks.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
}
