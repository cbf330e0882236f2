/** Turns SIGINT and SIGTERM into one orderly stop. */

/** npm and a terminal both hand on the same Ctrl-C: what comes within this time is one wish to stop. */
const SAME_WISH_MS = 1000;

/** Aborts at the first signal; another one, later, ends the process at once. */
export function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  let first_ms = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted && performance.now() - first_ms > SAME_WISH_MS) process.exit(130);
      if (!stop.signal.aborted) first_ms = performance.now();
      stop.abort();
    });
  }
  return stop.signal;
}

export function aborted(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
}
