/** Reads what an embedded edge has stored, straight from its bucket: every line, also one that stands there twice. */
import { gunzipSync } from 'node:zlib';
import type { Miniflare } from 'miniflare';
import { type StoredWindow, storedWindow, WINDOWS_PREFIX } from '../../contract/stored-window.ts';

interface BufferBinding {
  readonly WINDOW_BUFFER: { getByName(name: string): { flush(): Promise<void> } };
}

/**
 * The stored windows of a group, in the order of their objects, after the buffer was written out.
 *
 * Miniflare's proxy never lets go of a method that it was asked for, so that workerd may warn of a stub that was not disposed:
 * where nothing is in a hurry, `writtenWindows` leaves the buffer to its alarm.
 */
export async function storedWindows(runtime: Miniflare, group = 'default'): Promise<StoredWindow[]> {
  const { WINDOW_BUFFER } = await runtime.getBindings<BufferBinding>('vigia');
  await WINDOW_BUFFER.getByName(group).flush();
  return writtenWindows(runtime, group);
}

/** As `storedWindows`, without those that still wait in the buffer. */
export async function writtenWindows(runtime: Miniflare, group = 'default'): Promise<StoredWindow[]> {
  const bucket = await runtime.getR2Bucket('BUCKET', 'vigia');
  const windows: StoredWindow[] = [];
  let cursor: string | undefined;
  do {
    const page = await bucket.list({ prefix: `${WINDOWS_PREFIX}${group}/`, cursor });
    for (const { key } of page.objects) {
      const object = await bucket.get(key);
      if (object === null) continue;
      const text = gunzipSync(await object.arrayBuffer()).toString('utf8');
      for (const line of text.split('\n')) if (line !== '') windows.push(storedWindow.parse(JSON.parse(line)));
    }
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return windows;
}
