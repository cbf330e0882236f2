/** Writes what workerd is told: a configuration for each role, and the modules and keys that it embeds. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleWorker, COMPATIBILITY_DATE } from '../edge/bundle-workers.ts';
import type { Role } from './roles.ts';
import { BUNDLES, type BundleName, configText, quoted } from './workerd-services.ts';

export interface WorkerdSettings {
  readonly stateDir: string;
  readonly vars: Readonly<Record<string, string>>;
  /** PEM. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
}

/** @returns of a role the file to hand to `workerd serve` */
export async function writeWorkerdConfigs(
  folder: string,
  roles: readonly Role[],
  { stateDir, vars, tls }: WorkerdSettings,
): Promise<(role: Role) => string> {
  const modules = new Map(
    await Promise.all(BUNDLES.map(async (name) => [name, await writeBundle(folder, name)] as const)),
  );
  if (tls !== null) {
    writePrivate(join(folder, 'certificate.pem'), tls.certificate);
    writePrivate(join(folder, 'key.pem'), tls.key);
  }
  mkdirSync(join(stateDir, 'objects'), { recursive: true, mode: 0o700 });
  const fileOf = (role: Role): string => join(folder, `${role}.capnp`);
  for (const role of new Set(roles)) {
    const text = configText(role, { stateDir, vars, https: tls !== null }, (name) => modules.get(name) ?? '');
    writePrivate(fileOf(role), text);
  }
  return fileOf;
}

/** @returns its modules, as a configuration names them */
async function writeBundle(folder: string, name: BundleName): Promise<string> {
  const entries: string[] = [];
  for (const { type, path, contents } of await bundleWorker(name)) {
    writePrivate(join(folder, name, path), contents);
    const kind = type === 'ESModule' ? 'esModule' : 'wasm';
    entries.push(`(name = ${quoted(path)}, ${kind} = embed ${quoted(join(name, path))})`);
  }
  return `modules = [${entries.join(', ')}], compatibilityDate = ${quoted(COMPATIBILITY_DATE)}`;
}

function writePrivate(file: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, contents, { mode: 0o600 });
}
