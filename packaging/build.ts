/** `npm run package`: the npm package, the single executable and the Debian package. `node packaging/build.ts [output folder]` */
import { mkdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { buildNpmPackage } from './npm-package.ts';
import { BuildError, ROOT } from './run.ts';

const out = resolve(process.argv[2] ?? join(ROOT, 'dist'));

function tell(file: string): void {
  const megabytes = statSync(file).size / 1e6;
  process.stdout.write(`${relative(process.cwd(), file)}  ${megabytes.toFixed(1)} MB\n`);
}

try {
  mkdirSync(out, { recursive: true });
  tell(buildNpmPackage(out));
  if (process.arch !== 'x64') throw new BuildError('the executable and the Debian package are built on x64 only');
  // Loaded here: their parts are there on x64 only.
  const { buildExecutable } = await import('./executable.ts');
  const { buildDebianPackage } = await import('./debian-package.ts');
  const executable = await buildExecutable(out);
  tell(executable.file);
  tell(buildDebianPackage(out, executable));
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`package: ${error.message}\n`);
  process.exitCode = 1;
}
