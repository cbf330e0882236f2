/** A clone to install from, as a user has one of this repository: made in a moment, with the files that a service is installed from. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const AUTHOR = ['-c', 'user.name=A user', '-c', 'user.email=user@example.com', '-c', 'commit.gpgsign=false'];

export interface GitSource {
  readonly folder: string;
  /** The commit that stands there, or in a clone of it. */
  head(clone?: string): string;
  /** One more commit, as an update brings. */
  update(): void;
}

/** @param root whose `infra/` it holds */
export function gitSource(root: string, folder: string): GitSource {
  const git = (at: string, ...args: string[]): string =>
    execFileSync('git', ['-C', at, ...AUTHOR, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim();
  const commit = (message: string): void => {
    git(folder, 'add', '.');
    git(folder, 'commit', '-q', '-m', message);
  };
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'infra'), join(folder, 'infra'), { recursive: true });
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

/** A clone of what stands in `root` now, also of what is not committed yet. @returns its folder */
export function snapshot(root: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  execFileSync('sh', ['-c', 'git ls-files -z | xargs -0 cp --parents --target-directory="$0"', folder], { cwd: root });
  const git = (...args: string[]) => execFileSync('git', ['-C', folder, ...AUTHOR, ...args], { stdio: 'pipe' });
  git('init', '-q');
  git('add', '.');
  git('commit', '-q', '-m', 'as it stands');
  return folder;
}
