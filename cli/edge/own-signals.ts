/** Leaves signals to the command: the embedded runtime would end the process at the first one, before windows are flushed. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `start`, and takes off the signal listeners that it put on. */
export function withOwnSignals<T>(start: () => T): T {
  const before = new Map(SIGNALS.map((signal) => [signal, new Set(process.listeners(signal))]));
  try {
    return start();
  } finally {
    for (const [signal, own] of before) {
      for (const listener of process.listeners(signal))
        if (!own.has(listener)) process.removeListener(signal, listener);
    }
  }
}
