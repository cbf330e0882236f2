/** Reads and moves `current.json`, the pointer to a group's live models, by conditional puts. */
import { type CurrentPointer, currentPointer } from '../../contract/manifest.ts';
import { currentKey } from './model-keys.ts';
import type { ObjectStore } from './object-store.ts';

/** The pointer as somebody saw it, who may replace exactly this one; `version` is null where it was broken. Null: there was none. */
export type SeenPointer = { readonly etag: string; readonly version: string | null } | null;

export interface ReadPointer {
  readonly pointer: CurrentPointer;
  readonly etag: string;
}

/** A `current.json` that is no pointer; `etag` allows to replace exactly this one. */
export class BrokenPointerError extends Error {
  override readonly name = 'BrokenPointerError';
  readonly etag: string;

  constructor(group: string, etag: string, options?: ErrorOptions) {
    super(
      `${currentKey(group)} is no pointer to models; train again, or roll back to a version that "vigia models" lists`,
      options,
    );
    this.etag = etag;
  }
}

/** @throws BrokenPointerError */
export async function readPointer(
  store: ObjectStore,
  group: string,
  knownEtag?: string,
): Promise<ReadPointer | 'unchanged' | null> {
  const object = await store.get(currentKey(group), knownEtag);
  if (object === null || object === 'unchanged') return object;
  try {
    return { pointer: currentPointer.parse(JSON.parse(new TextDecoder().decode(object.bytes))), etag: object.etag };
  } catch (cause) {
    throw new BrokenPointerError(group, object.etag, { cause });
  }
}

/**
 * Points to another version, if the pointer still is what the caller saw.
 * @param seen the pointer that this one replaces; null where there was none
 * @returns false where somebody else was quicker and nothing was written
 */
export async function movePointer(
  store: ObjectStore,
  group: string,
  version: string,
  seen: SeenPointer,
  promotedAt: Date,
): Promise<boolean> {
  const pointer: CurrentPointer = {
    version,
    previous: seen?.version ?? null,
    promoted_at: promotedAt.toISOString(),
  };
  const bytes = new TextEncoder().encode(`${JSON.stringify(pointer, null, 2)}\n`).slice().buffer;
  const condition = seen === null ? { ifAbsent: true as const } : { ifMatch: seen.etag };
  return (await store.put(currentKey(group), bytes, condition)) !== null;
}

/** The pointer as `movePointer` wants it; a broken one may be replaced, but it names no previous version. */
export async function seenPointer(store: ObjectStore, group: string): Promise<SeenPointer> {
  try {
    const read = await readPointer(store, group);
    return read === null || read === 'unchanged' ? null : { etag: read.etag, version: read.pointer.version };
  } catch (error) {
    if (error instanceof BrokenPointerError) return { etag: error.etag, version: null };
    throw error;
  }
}
