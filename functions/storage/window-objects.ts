/** Writes and reads the stored windows: gzipped NDJSON objects below `windows/<group>/`. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { type StoredWindow, storedWindow, windowKey, windowsFolder } from '../../contract/stored-window.ts';
import type { ObjectStore } from './object-store.ts';

/** Half the time of CompressionStream, which knows no levels, for objects 8 % larger. */
const GZIP_LEVEL = 1;

/** Of the text of one object, which has 20 MB at most: what unpacks to more is none of ours. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** @throws where it is no gzip, or unpacks to more than any object of ours */
export function gunzip(bytes: Uint8Array): Uint8Array {
  return gunzipSync(bytes, { maxOutputLength: MAX_TEXT_BYTES });
}

/** Lines as a gzip member; members stand one after another in an object (RFC 1952, 2.2). */
export function gzipLines(lines: string): Uint8Array {
  return gzipSync(new TextEncoder().encode(lines), { level: GZIP_LEVEL });
}

/** Writes one object of gzip members; the same group, id and time overwrite the same object. */
export async function writeWindows(
  store: ObjectStore,
  group: string,
  id: string,
  at: Date,
  members: readonly Uint8Array[],
): Promise<void> {
  await store.put(`${windowsFolder(group, at)}${id}.ndjson.gz`, joinMembers(members));
}

export function joinMembers(members: readonly Uint8Array[]): ArrayBuffer {
  const whole = new Uint8Array(members.reduce((sum, member) => sum + member.length, 0));
  let offset = 0;
  for (const member of members) {
    whole.set(member, offset);
    offset += member.length;
  }
  return whole.buffer;
}

/** What `readWindows` met besides windows; every loss is counted. */
export interface ReadLosses {
  unreadableObjects: number;
  invalidLines: number;
  duplicates: number;
}

/**
 * The windows of the objects given, each once.
 * @param losses is counted up in place
 * @param choose the lines of an object that are read; all by default
 */
export async function* readWindows(
  store: ObjectStore,
  keys: AsyncIterable<string> | Iterable<string>,
  losses: ReadLosses,
  choose: (lines: string[], key: string) => readonly string[] = (lines) => lines,
): AsyncGenerator<StoredWindow, void, void> {
  const seen = new Set<string>();
  for await (const key of keys) {
    const text = await readObject(store, key);
    if (text === null) {
      losses.unreadableObjects++;
      continue;
    }
    const lines = text.split('\n').filter((line) => line !== '');
    for (const line of choose(lines, key)) {
      const window = parseLine(line);
      if (window === null) losses.invalidLines++;
      else if (seen.has(windowKey(window))) losses.duplicates++;
      else {
        seen.add(windowKey(window));
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
    return new TextDecoder().decode(gunzip(new Uint8Array(object.bytes)));
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
