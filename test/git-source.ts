/** A clone to install from, as a user has one of this repository, of what stands there now, committed or not. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const AUTHOR = ['-c', 'user.name=A user', '-c', 'user.email=user@example.com', '-c', 'commit.gpgsign=false'];

export interface GitSource {
  readonly folder: string;
  /** The commit that stands there, or in a clone of it. */
  head(clone?: string): string;
  /** One more commit, as an update brings. */
  update(): void;
}

/** @param root whose files it holds, but for those that git leaves out */
export function gitSource(root: string, folder: string): GitSource {
  const git = (at: string, ...args: string[]): string =>
    execFileSync('git', ['-C', at, ...AUTHOR, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
  const commit = (message: string): void => {
    git(folder, 'add', '.');
    git(folder, 'commit', '-q', '-m', message);
  };
  mkdirSync(folder, { recursive: true });
  execFileSync(
    'sh',
    [
      '-c',
      'git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory="$0"',
      folder,
    ],
    { cwd: root },
  );
  git(folder, 'init', '-q');
  commit('before');
  return {
    folder,
    head: (clone = folder) => git(clone, 'rev-parse', 'HEAD'),
    update: () => {
      writeFileSync(join(folder, 'CHANGELOG.md'), 'Behaviour change: one.\n');
      commit('after');
    },
  };
}
