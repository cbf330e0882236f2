/** Reads files of windows whole, for what is fitted on them. */
import { windowsSource } from '../collector/sources/windows.ts';
import type { NetworkWindow } from '../contract/network-window.ts';

/** A host of one-second windows for five and a half days, or a hundred hosts for an hour and a third. */
const MOST_WINDOWS = 500_000;

/** More than fit into memory with ease; no part of them is silently dropped. */
class TooManyWindowsError extends Error {
  override readonly name = 'TooManyWindowsError';
  readonly file: string;

  constructor(file: string) {
    super(`more than ${MOST_WINDOWS} windows, reached in ${file}; train on fewer files or a shorter time`);
    this.file = file;
  }
}

/**
 * The network windows of all files, without their sources, which no model reads; login attempts have no part in models of traffic.
 * @param files NDJSON, gzip or not; - is stdin
 * @throws TooManyWindowsError
 */
export async function readWindows(files: readonly string[]): Promise<NetworkWindow[]> {
  const windows: NetworkWindow[] = [];
  const stop = new AbortController().signal;
  for (const file of files) {
    for await (const { sources: _, ...window } of windowsSource(file).windows(stop)) {
      if (!('interface' in window)) continue;
      if (windows.push(window) > MOST_WINDOWS) throw new TooManyWindowsError(file);
    }
  }
  return windows;
}
