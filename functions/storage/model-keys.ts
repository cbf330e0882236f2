/** Where models stand in object storage. */

export const MODELS_PREFIX = 'models/';

/** `models/<group>/<version>/<file>`; never rewritten once current.json named it. */
export function modelKey(group: string, version: string, file: string): string {
  return `${MODELS_PREFIX}${group}/${version}/${file}`;
}

/** The pointer to the live version. */
export function currentKey(group: string): string {
  return `${MODELS_PREFIX}${group}/current.json`;
}
