/** Reads and writes `shadow.json`, the pointer to the version that was held back. */
import { type ShadowPointer, shadowPointer } from '../../contract/manifest.ts';
import { shadowKey } from './model-keys.ts';
import type { ObjectStore } from './object-store.ts';

/** A pointer that cannot be read counts as none: nothing depends on a shadow. */
export async function readShadow(
  store: ObjectStore,
  group: string,
  knownEtag?: string,
): Promise<{ readonly pointer: ShadowPointer; readonly etag: string } | 'unchanged' | null> {
  const object = await store.get(shadowKey(group), knownEtag);
  if (object === null || object === 'unchanged') return object;
  try {
    return { pointer: shadowPointer.parse(JSON.parse(new TextDecoder().decode(object.bytes))), etag: object.etag };
  } catch (error) {
    console.warn(JSON.stringify({ level: 'warn', event: 'shadow_unreadable', group, message: String(error) }));
    return null;
  }
}

export async function writeShadow(store: ObjectStore, group: string, pointer: ShadowPointer): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(pointer, null, 2)}\n`).slice().buffer;
  await store.put(shadowKey(group), bytes);
}

export async function removeShadow(store: ObjectStore, group: string): Promise<void> {
  await store.delete([shadowKey(group)]);
}
