/** Writes lines to stdout as fast as they are read there, and no longer. */
import { once } from 'node:events';

/** `vigia windows F | head` is no error: reading ends where stdout is closed. */
export function stopWhenNobodyReads(): AbortSignal {
  const stop = new AbortController();
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop.abort();
  });
  return stop.signal;
}

/** Resolves once stdout takes more. */
export async function drained(stop: AbortSignal): Promise<void> {
  await Promise.race([once(process.stdout, 'drain', { signal: stop }), once(stop, 'abort')]).catch((error: unknown) => {
    if (!stop.aborted && !isBrokenPipe(error)) throw error;
  });
}

/** `once` rejects with the error of the stream before its listeners have aborted. */
const isBrokenPipe = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EPIPE';
