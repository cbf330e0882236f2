/**
 * Stands in for koffi's own loader in the single executable, which has no node_modules: the native part is taken from where the
 * Debian package puts it, else from inside the executable. Loaded at the first use, so that no other command needs it.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getAsset } from 'node:sea';
import type koffi from 'koffi';

/** As far as the types know; the native part has it all. */
type Koffi = Partial<typeof koffi>;

/** Only root writes there. */
const INSTALLED = '/usr/lib/vigia/koffi.node';
let loaded: Koffi | undefined;

export default new Proxy<Koffi>(
  {},
  {
    get: (_, name) => {
      loaded ??= load();
      return Reflect.get(loaded, name);
    },
  },
);

function load(): Koffi {
  const native = Buffer.from(getAsset('koffi.node'));
  if (isInstalled(native)) return open(INSTALLED);
  const folder = mkdtempSync(join(tmpdir(), 'vigia-'));
  try {
    const file = join(folder, 'koffi.node');
    writeFileSync(file, native, { mode: 0o500 });
    chmodSync(file, 0o500);
    return open(file);
  } catch (cause) {
    throw new Error(
      `the native part cannot be loaded from ${tmpdir()}, perhaps mounted noexec: set TMPDIR to a folder of yours that may hold programs, or install the Debian package`,
      { cause },
    );
  } finally {
    rmSync(folder, { recursive: true }); // once loaded, the kernel keeps it
  }
}

/** The Debian package may be of another version. */
function isInstalled(native: Buffer): boolean {
  try {
    return readFileSync(INSTALLED).equals(native);
  } catch {
    return false;
  }
}

function open(file: string): Koffi {
  const module: { exports: Koffi } = { exports: {} };
  process.dlopen(module, file);
  return module.exports;
}
