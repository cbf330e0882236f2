/**
 * Merges the many small objects of an hour into few, once the hour is over.
 *
 * A run reads on from where the one before ended, writes the merged objects, and only then notes in `compaction/<group>.json`
 * where it ended and which parts it merged. Those are deleted by a run at least GRACE_MS later: a training that had listed
 * them can still read them. Until then, and after a crash, windows stand in two objects, and readers take each id once.
 */
import * as z from 'zod';
import { WINDOWS_PREFIX, windowsFolder } from '../../../contract/stored-window.ts';
import { sha256Hex } from '../../http/sha256.ts';
import { listAll, type ObjectStore } from '../../storage/object-store.ts';
import { gunzip, joinMembers } from '../../storage/window-objects.ts';

/** Objects of an hour may come so late: a buffer tries again while storage is away. */
const OVER_FOR_MS = 3_600_000;
/** Longer than any training reads. */
const GRACE_MS = 1_800_000;
/** Of text in a merged object, which a training unpacks whole, beside the windows that it has read. */
const MERGED_BYTES = 4 * 1024 * 1024;

const MERGED_SUFFIX = '.merged.ndjson.gz';

const compactionState = z.object({
  /** Everything up to this key was looked at. */
  done: z.string(),
  merged: z.array(z.object({ object: z.string(), parts: z.array(z.string()), at: z.iso.datetime() })),
});
type CompactionState = z.output<typeof compactionState>;

export interface Compaction {
  /** Objects written. */
  merged: number;
  /** Objects whose windows are in those. */
  parts: number;
  /** Parts of an earlier run that were deleted. */
  removed: number;
  /** Parts that are no gzip; they are left where they are. */
  unreadable: number;
}

/** What a run may still read, over all groups. */
export interface Budget {
  parts: number;
}

/**
 * @param budget is counted down in place; what is over it is left to the next run
 * @throws StorageError; whatever was written until then harms nobody
 */
export async function compactGroup(store: ObjectStore, group: string, now: Date, budget: Budget): Promise<Compaction> {
  const { state, etag } = await readState(store, group);
  const outcome: Compaction = { merged: 0, parts: 0, removed: 0, unreadable: 0 };
  const isDue = ({ at }: CompactionState['merged'][number]): boolean => Date.parse(at) + GRACE_MS <= now.getTime();
  for (const { parts } of state.merged.filter(isDue)) {
    await store.delete(parts);
    outcome.removed += parts.length;
  }
  const next: CompactionState = { done: state.done, merged: state.merged.filter((entry) => !isDue(entry)) };
  const end = windowsFolder(group, new Date(now.getTime() - OVER_FOR_MS));
  let chunk: Chunk = { folder: '', keys: [], members: [], bytes: 0 };
  let last = state.done;
  const flush = async (): Promise<void> => {
    const object = await writeMerged(store, chunk);
    if (object !== null) {
      next.merged.push({ object, parts: chunk.keys, at: now.toISOString() });
      outcome.merged++;
      outcome.parts += chunk.keys.length;
    }
    next.done = last;
  };
  for await (const key of listAll(store, `${WINDOWS_PREFIX}${group}/`, state.done || undefined)) {
    if (key >= end || budget.parts === 0) break;
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    if (folder !== chunk.folder || chunk.bytes >= MERGED_BYTES) {
      await flush();
      chunk = { folder, keys: [], members: [], bytes: 0 };
    }
    if (!key.endsWith(MERGED_SUFFIX)) {
      budget.parts--;
      if (!(await addPart(store, key, chunk))) outcome.unreadable++;
    }
    last = key;
  }
  await flush();
  if (next.done === state.done && outcome.removed === 0) return outcome;
  await writeState(store, group, next, etag);
  return outcome;
}

interface Chunk {
  readonly folder: string;
  readonly keys: string[];
  readonly members: Uint8Array[];
  /** Of text. */
  bytes: number;
}

/** False where the part is no gzip, which would make all after it unreadable. One that vanished has expired. */
async function addPart(store: ObjectStore, key: string, chunk: Chunk): Promise<boolean> {
  const object = await store.get(key);
  if (object === null || object === 'unchanged') return true;
  const member = new Uint8Array(object.bytes);
  try {
    chunk.bytes += gunzip(member).length;
  } catch (error) {
    console.warn(JSON.stringify({ level: 'warn', event: 'windows_unreadable', key, message: String(error) }));
    return false;
  }
  chunk.keys.push(key);
  chunk.members.push(member);
  return true;
}

/** Named by its parts: merging the same ones again writes the same object. Null where there is nothing to merge. */
async function writeMerged(store: ObjectStore, { folder, keys, members }: Chunk): Promise<string | null> {
  if (keys.length < 2) return null;
  const object = `${folder}${sha256Hex(keys.join('\n'))}${MERGED_SUFFIX}`;
  await store.put(object, joinMembers(members));
  return object;
}

const stateKey = (group: string): string => `compaction/${group}.json`;

async function readState(
  store: ObjectStore,
  group: string,
): Promise<{ state: CompactionState; etag: string | undefined }> {
  const object = await store.get(stateKey(group));
  if (object === null || object === 'unchanged') return { state: { done: '', merged: [] }, etag: undefined };
  try {
    const state = compactionState.parse(JSON.parse(new TextDecoder().decode(object.bytes)));
    return { state, etag: object.etag };
  } catch (error) {
    // Begun anew: parts that were merged are merged again, and readers take their windows once.
    console.warn(JSON.stringify({ level: 'warn', event: 'compaction_unreadable', group, message: String(error) }));
    return { state: { done: '', merged: [] }, etag: object.etag };
  }
}

/** Where another run was quicker its state stands: what this one merged is merged there as well. */
async function writeState(
  store: ObjectStore,
  group: string,
  state: CompactionState,
  etag: string | undefined,
): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(state)}\n`).slice().buffer;
  const written = await store.put(stateKey(group), bytes, etag === undefined ? { ifAbsent: true } : { ifMatch: etag });
  if (written === null) console.warn(JSON.stringify({ level: 'warn', event: 'compaction_overtaken', group }));
}
