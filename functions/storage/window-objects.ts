/** Writes and reads the stored windows: gzipped NDJSON objects below `windows/<group>/`. */
import { gzipSync } from 'node:zlib';
import { type StoredWindow, storedWindow, windowsFolder } from '../../contract/stored-window.ts';
import type { ObjectStore } from './object-store.ts';

/** Half the time of CompressionStream, which knows no levels, for objects 8 % larger. */
const GZIP_LEVEL = 1;

/** Writes one object; the same group, id and time overwrite the same object. */
export async function writeWindows(
  store: ObjectStore,
  group: string,
  id: string,
  at: Date,
  lines: string,
): Promise<void> {
  // A Buffer may be a view of a larger pool, so that its bytes are copied.
  const gzipped = gzipSync(new TextEncoder().encode(lines), { level: GZIP_LEVEL });
  await store.put(`${windowsFolder(group, at)}${id}.ndjson.gz`, new Uint8Array(gzipped).buffer);
}

/** What `readWindows` met besides windows; every loss is counted. */
export interface ReadLosses {
  unreadableObjects: number;
  invalidLines: number;
  duplicates: number;
}

/**
 * The windows of the objects given, each id once.
 * @param losses is counted up in place
 */
export async function* readWindows(
  store: ObjectStore,
  keys: AsyncIterable<string> | Iterable<string>,
  losses: ReadLosses,
): AsyncGenerator<StoredWindow, void, void> {
  const seen = new Set<string>();
  for await (const key of keys) {
    const text = await readObject(store, key);
    if (text === null) {
      losses.unreadableObjects++;
      continue;
    }
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const window = parseLine(line);
      if (window === null) losses.invalidLines++;
      else if (seen.has(window.id)) losses.duplicates++;
      else {
        seen.add(window.id);
        yield window;
      }
    }
  }
}

/** The object's text, or null where it vanished or is no gzip: one broken object must not end a training. */
async function readObject(store: ObjectStore, key: string): Promise<string | null> {
  const object = await store.get(key);
  if (object === null || object === 'unchanged') return null;
  try {
    return await new Response(new Response(object.bytes).body?.pipeThrough(new DecompressionStream('gzip'))).text();
  } catch (error) {
    console.warn(JSON.stringify({ level: 'warn', event: 'windows_unreadable', key, message: String(error) }));
    return null;
  }
}

function parseLine(line: string): StoredWindow | null {
  try {
    return storedWindow.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
