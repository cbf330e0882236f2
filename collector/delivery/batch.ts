/** Forms batches: the windows to judge, and for each host and interface the nine before them as context. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { MAX_CONTEXT } from '../../contract/detect-request.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';

/** One post, formed once: a retry and a restart send the same bytes under the same id. */
export interface Batch {
  /** The Idempotency-Key. */
  readonly id: string;
  readonly windows: number;
  /** gzip of `{"windows": […], "context": […]}`. */
  readonly body: Uint8Array;
}

/** A batch is closed at this many windows; the edge takes 1,000 windows and 1 MiB. */
export const MAX_BATCH_WINDOWS = 200;
/** Series (host and interface) whose latest windows are kept as context; the longest silent is forgotten. */
const MAX_SERIES = 256;

const seriesOf = (window: NetworkWindow): string => `${window.host}\n${window.interface}`;

export class BatchBuilder {
  #windows: NetworkWindow[] = [];
  /** The last nine windows already in a batch, by series; in order of use. */
  readonly #recent = new Map<string, NetworkWindow[]>();

  /** Adds a window; true where the batch is full and must be closed. */
  add(window: NetworkWindow): boolean {
    this.#windows.push(window);
    return this.#windows.length >= MAX_BATCH_WINDOWS;
  }

  /** Closes the batch; null where no window came since the last one. */
  close(): Batch | null {
    const windows = this.#windows;
    if (windows.length === 0) return null;
    this.#windows = [];
    const context = [...new Set(windows.map(seriesOf))].flatMap((series) => this.#recent.get(series) ?? []);
    this.#remember(windows);
    return {
      id: batchId(windows),
      windows: windows.length,
      body: gzipSync(JSON.stringify({ windows, context })),
    };
  }

  #remember(windows: readonly NetworkWindow[]): void {
    for (const [series, added] of Map.groupBy(windows, seriesOf)) {
      const latest = [...(this.#recent.get(series) ?? []), ...added].slice(-MAX_CONTEXT);
      this.#recent.delete(series);
      this.#recent.set(series, latest);
    }
    for (const series of this.#recent.keys()) {
      if (this.#recent.size <= MAX_SERIES) break;
      this.#recent.delete(series);
    }
  }
}

/** The same windows have the same id, on any host and after any restart. */
function batchId(windows: readonly NetworkWindow[]): string {
  const hash = createHash('sha256');
  for (const { id } of windows) hash.update(`${id}\n`);
  return hash.digest('hex').slice(0, 32);
}
