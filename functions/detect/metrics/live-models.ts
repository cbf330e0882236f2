/** What the promoted version of each group is, read from storage and kept for ten seconds. */
import { MODEL_NAMES, type ModelName } from '../../../contract/features.ts';
import { type Manifest, manifest as manifestSchema } from '../../../contract/manifest.ts';
import { BrokenPointerError, readPointer } from '../../storage/current-pointer.ts';
import { modelKey } from '../../storage/model-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { inTime } from './in-time.ts';
import { MAX_SCOPES } from './tally.ts';

const KEPT_MS = 10_000;

/** What the page tells of a version: a whole manifest holds thousands of scores. */
export type LiveVersion = Pick<Manifest, 'version' | 'created_at' | 'training'> & {
  readonly models: readonly ModelName[];
};

interface Kept {
  readonly live: LiveVersion | null;
  readonly at: number;
}

export class LiveModels {
  readonly #groups = new Map<string, Kept>();

  /** A group's live version, or where storage is away the one known last; null where there is none that can be read. */
  async of(group: string, store: ObjectStore, now: number): Promise<LiveVersion | null> {
    const kept = this.#groups.get(group);
    if (kept !== undefined && now - kept.at < KEPT_MS) return kept.live;
    const known = kept?.live ?? null;
    const live = await inTime(readLive(store, group, known), known, 'live_version_unread', { group });
    if (kept === undefined && this.#groups.size >= MAX_SCOPES) this.#groups.clear();
    this.#groups.set(group, { live, at: now });
    return live;
  }
}

/** @param known the version that was live; its manifest never changes */
async function readLive(store: ObjectStore, group: string, known: LiveVersion | null): Promise<LiveVersion | null> {
  const version = await liveVersion(store, group);
  if (version === null || version === known?.version) return version === null ? null : known;
  const object = await store.get(modelKey(group, version, 'manifest.json'));
  if (object === null || object === 'unchanged') return null;
  try {
    return liveVersionOf(manifestSchema.parse(JSON.parse(new TextDecoder().decode(object.bytes))));
  } catch {
    return null; // refused where it is loaded, and told with the reason by /stats of the group
  }
}

export function liveVersionOf({ version, created_at, training, models }: Manifest): LiveVersion {
  return { version, created_at, training, models: MODEL_NAMES.filter((name) => models[name] !== undefined) };
}

async function liveVersion(store: ObjectStore, group: string): Promise<string | null> {
  try {
    const read = await readPointer(store, group);
    return read === null || read === 'unchanged' ? null : read.pointer.version;
  } catch (error) {
    if (error instanceof BrokenPointerError) return null;
    throw error;
  }
}
