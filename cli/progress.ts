/** Progress of long work on stderr: one line that is rewritten on a terminal, a line every few seconds otherwise. */
import type { WriteStream } from 'node:tty';

export interface Progress {
  update(bytes: number): void;
  done(): void;
}

const TERMINAL_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;

/** @param total bytes to expect; null where that is not known */
export function progressOn(stream: WriteStream, what: string, total: number | null): Progress {
  const terminal = stream.isTTY === true;
  const every_ms = terminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS;
  let last_ms = performance.now();
  let shown = false;
  const text = (bytes: number): string => {
    const done_MiB = (bytes / 2 ** 20).toFixed(1);
    if (total === null || total === 0 || bytes > total) return `${what}: ${done_MiB} MiB`;
    return `${what}: ${done_MiB} of ${(total / 2 ** 20).toFixed(1)} MiB (${Math.floor((100 * bytes) / total)} %)`;
  };
  return {
    update(bytes) {
      if (performance.now() - last_ms < every_ms) return;
      last_ms = performance.now();
      shown = true;
      stream.write(terminal ? `\r${text(bytes)}\u001b[K` : `${text(bytes)}\n`);
    },
    done() {
      if (shown && terminal) stream.write('\r\u001b[K');
    },
  };
}
