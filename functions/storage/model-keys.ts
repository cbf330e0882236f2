/** Where models stand in object storage. */

export const MODELS_PREFIX = 'models/';

/** `models/<group>/<version>/<file>`; never rewritten once current.json named it. */
export function modelKey(group: string, version: string, file: string): string {
  return `${MODELS_PREFIX}${group}/${version}/${file}`;
}

/** The pointer to the version that was held back and is scored beside the live one. */
export function shadowKey(group: string): string {
  return `${MODELS_PREFIX}${group}/shadow.json`;
}

/** The pointer to the live version. */
export function currentKey(group: string): string {
  return `${MODELS_PREFIX}${group}/current.json`;
}
