/** Deletes versions of models that no pointer names and that many newer ones have followed. */
import { modelVersion } from '../../../contract/manifest.ts';
import { BrokenPointerError, readPointer } from '../../storage/current-pointer.ts';
import { MODELS_PREFIX, modelKey } from '../../storage/model-keys.ts';
import { listAll, listFolders, type ObjectStore } from '../../storage/object-store.ts';
import { readShadow } from '../../storage/shadow-pointer.ts';

/** Versions that a run deletes of a group. */
const MOST_VERSIONS = 50;

/**
 * The live version, the one before and the shadow stay however old they are. A group whose pointer is missing or broken
 * keeps everything, since somebody may want to roll back.
 * @param kept so many of the newest stay
 * @returns the versions deleted
 */
export async function expireVersions(store: ObjectStore, group: string, kept: number): Promise<string[]> {
  const folders = await listFolders(store, `${MODELS_PREFIX}${group}/`);
  // Versions begin with their time.
  const surplus = folders.filter((version) => modelVersion.safeParse(version).success).slice(0, -kept);
  if (surplus.length === 0) return [];
  const named = await namedVersions(store, group);
  if (named === null) return [];
  const expired = surplus.filter((version) => !named.has(version)).slice(0, MOST_VERSIONS);
  for (const version of expired) {
    // The manifest goes first: a version that has one is whole.
    await store.delete([modelKey(group, version, 'manifest.json')]);
    const rest: string[] = [];
    for await (const key of listAll(store, modelKey(group, version, ''))) rest.push(key);
    if (rest.length > 0) await store.delete(rest);
  }
  return expired;
}

async function namedVersions(store: ObjectStore, group: string): Promise<Set<string | null> | null> {
  try {
    const current = await readPointer(store, group);
    if (current === null || current === 'unchanged') return null;
    const shadow = await readShadow(store, group);
    const held = shadow === null || shadow === 'unchanged' ? null : shadow.pointer.version;
    return new Set([current.pointer.version, current.pointer.previous, held]);
  } catch (error) {
    if (error instanceof BrokenPointerError) return null;
    throw error;
  }
}
