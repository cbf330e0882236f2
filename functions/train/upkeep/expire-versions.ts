/** Deletes versions of models that no pointer names and that many newer ones have followed, and what trainings left that were ended. */
import { modelVersion } from '../../../contract/manifest.ts';
import { BrokenPointerError, readPointer } from '../../storage/current-pointer.ts';
import { MODELS_PREFIX, modelKey } from '../../storage/model-keys.ts';
import { listAll, type ObjectStore } from '../../storage/object-store.ts';
import { readShadow } from '../../storage/shadow-pointer.ts';

/** Versions that a run deletes of a group. */
const MOST_VERSIONS = 50;
/** A version without a manifest is not being written any more: far longer than a training may take. */
const UNFINISHED_AFTER_MS = 3_600_000;

export interface Expired {
  /** That had their time. */
  readonly versions: string[];
  /** That never got a manifest. */
  readonly unfinished: string[];
}

/**
 * The live version, the one before and the shadow stay however old they are. A group whose pointer is missing or broken
 * keeps everything, since somebody may want to roll back.
 * @param kept so many of the newest stay
 */
export async function expireVersions(store: ObjectStore, group: string, kept: number, now: Date): Promise<Expired> {
  const files = await filesByVersion(store, group);
  const whole = [...files.keys()].filter((version) => files.get(version)?.includes('manifest.json'));
  const unfinished = [...files.keys()]
    .filter((version) => !whole.includes(version) && timeOf(version) + UNFINISHED_AFTER_MS < now.getTime())
    .slice(0, MOST_VERSIONS);
  for (const version of unfinished)
    await store.delete((files.get(version) ?? []).map((file) => modelKey(group, version, file)));
  const surplus = whole.slice(0, -kept);
  const named = surplus.length === 0 ? null : await namedVersions(store, group);
  if (named === null) return { versions: [], unfinished };
  const versions = surplus.filter((version) => !named.has(version)).slice(0, MOST_VERSIONS);
  for (const version of versions) {
    // The manifest goes first: a version that has one is whole.
    await store.delete([modelKey(group, version, 'manifest.json')]);
    const rest = files.get(version)?.filter((file) => file !== 'manifest.json') ?? [];
    if (rest.length > 0) await store.delete(rest.map((file) => modelKey(group, version, file)));
  }
  return { versions, unfinished };
}

/** In ascending order, which is that of time. */
async function filesByVersion(store: ObjectStore, group: string): Promise<Map<string, string[]>> {
  const prefix = `${MODELS_PREFIX}${group}/`;
  const files = new Map<string, string[]>();
  for await (const key of listAll(store, prefix)) {
    const [version = '', file = ''] = key.slice(prefix.length).split('/');
    if (!modelVersion.safeParse(version).success) continue;
    const own = files.get(version);
    if (own === undefined) files.set(version, [file]);
    else own.push(file);
  }
  return files;
}

/** Of 20261120T120000Z-0a1b2c3d. */
function timeOf(version: string): number {
  return Date.parse(version.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z.*$/, '$1-$2-$3T$4:$5:$6Z'));
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
