/** Deletes windows that are older than they are kept. */
import { WINDOWS_PREFIX, windowsFolder } from '../../../contract/stored-window.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

/** Pages of 1,000 objects that a run deletes of a group. */
const MOST_PAGES = 20;

/**
 * The order of keys is the order of time, so that one call sees that nothing has to go.
 * @returns the objects deleted
 */
export async function expireWindows(store: ObjectStore, group: string, before: Date): Promise<number> {
  const end = windowsFolder(group, before);
  let deleted = 0;
  for (let page = 0; page < MOST_PAGES; page++) {
    const { keys, cursor } = await store.list({ prefix: `${WINDOWS_PREFIX}${group}/` });
    const old = keys.filter((key) => key < end);
    if (old.length > 0) await store.delete(old);
    deleted += old.length;
    if (old.length < keys.length || cursor === undefined) break;
  }
  return deleted;
}
