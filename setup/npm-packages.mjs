// Installs the npm packages of the lock file when it has changed since the last time, and puts `vigia` on npx's path.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'node_modules', '.vigia-lock-sha256');

/** @returns {boolean} whether anything was installed */
export function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false;
  console.error(
    'setup: installing the npm packages of package-lock.json, Node 24 among them (about 1 GB in node_modules)',
  );
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
  if (npm.status !== 0) {
    console.error('setup: npm ci failed; mend what it says above, then run the same command again');
    process.exit(npm.status ?? 1);
  }
  const node = spawnSync(join(root, 'node_modules', '.bin', 'node'), ['--version'], { encoding: 'utf8' });
  if (node.status !== 0 || !node.stdout.startsWith('v24.')) {
    console.error('setup: the npm package "node" did not bring Node 24; run: npm rebuild node');
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
  return true;
}

/** `npx vigia …` in a clone runs cli/vigia.ts; npm links only the commands of other packages. */
export function linkCommand() {
  const bin = join(root, 'node_modules', '.bin');
  const link = join(bin, 'vigia');
  if (existsSync(link)) return;
  mkdirSync(bin, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync('../../cli/vigia.ts', link);
}
