/** Files that Vigía ships beside its code: in a clone and the npm package on disk, in the single executable inside it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { getAsset, isSea } from 'node:sea';

/**
 * @param specifier as an import of `importer` would have it: relative, or the file of an npm package
 * @param importer the `import.meta.url` of who asks
 */
export function shippedFile(specifier: string, importer: string): Uint8Array<ArrayBuffer> {
  if (isSea()) return new Uint8Array(getAsset(basename(specifier)));
  return new Uint8Array(readFileSync(createRequire(importer).resolve(specifier)));
}
