/** Reads a file of a version of models from storage. */
import { modelKey } from '../../storage/model-keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

/** Null where it is missing. */
export async function readModelFile(
  store: ObjectStore,
  group: string,
  version: string,
  file: string,
): Promise<ArrayBuffer | null> {
  const object = await store.get(modelKey(group, version, file));
  return object === null || object === 'unchanged' ? null : object.bytes;
}
