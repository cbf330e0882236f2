/** Makes a trained version the live one, or the shadow beside it where something speaks against that. */

import { movePointer, type SeenPointer } from '../../storage/current-pointer.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { removeShadow, writeShadow } from '../../storage/shadow-pointer.ts';

export interface Promotion {
  readonly promoted: boolean;
  readonly reason: string;
}

/** A version as training left it in storage. */
export interface Trained {
  readonly version: string;
  /** What speaks against it by data and quality; null where nothing does. */
  readonly objection: string | null;
  readonly seen: SeenPointer;
}

/**
 * One conditional put: of two trainings that began at the same pointer one wins.
 * @param verify why it may not be promoted, asked at the last moment, or null: whether detect itself can load it, golden vectors and all
 */
export async function promote(
  store: ObjectStore,
  group: string,
  { version, objection, seen }: Trained,
  verify: () => Promise<string | null>,
  now: Date,
): Promise<Promotion> {
  const refusal = await verify();
  if (refusal !== null) return { promoted: false, reason: refusal };
  if (objection !== null) {
    await writeShadow(store, group, { version, reason: objection, since: now.toISOString() });
    return { promoted: false, reason: objection };
  }
  if (!(await movePointer(store, group, version, seen, now)))
    return { promoted: false, reason: 'another version was promoted while this one was trained' };
  await removeShadow(store, group);
  return { promoted: true, reason: 'passed the checks' };
}
