/** A copy of this machine to install into: what is written there is kept apart, and vanishes with it. Nothing starts in it. */
import { type ChildProcess, type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** The folder handed in, as programs of the copy see it. */
export const HANDED_IN = '/mnt';

/** An overlay in a mount namespace; /run is empty, so that systemd does not run there, and /tmp holds no programs. */
const BUILD = `
set -eu
mount -t tmpfs tmpfs "$1"; cd "$1"; mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
for folder in proc dev sys; do mount --rbind /$folder root/$folder; done
mount -t tmpfs -o noexec tmpfs root/tmp
mount -t tmpfs tmpfs root/run
mount --bind "$2" root${HANDED_IN}
echo ready
exec sleep infinity`;

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export class MachineCopy {
  readonly #folder: string;
  readonly #holder: ChildProcess;

  private constructor(folder: string, holder: ChildProcess) {
    this.#folder = folder;
    this.#holder = holder;
  }

  /** @throws Error where it cannot be mounted */
  static async make(handedIn: string): Promise<MachineCopy> {
    const folder = mkdtempSync(join(tmpdir(), 'vigia-machine-'));
    const unshare = ['--mount', '--propagation', 'private', 'sh', '-c', BUILD, 'sh', folder, handedIn];
    const holder = spawn('unshare', unshare, { stdio: ['ignore', 'pipe', 'pipe'] });
    const complaint = text(holder.stderr);
    const ready = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit').then(() => null)]);
    if (ready === null) {
      rmdirSync(folder);
      throw new Error(`no copy of this machine: ${await complaint}`);
    }
    return new MachineCopy(folder, holder);
  }

  /** Runs a shell command as root to its end; stdout and stderr together. */
  run(command: string): Ended {
    const [program, ...args] = this.#entering(`exec 2>&1; ${command}`);
    const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
    return { code: status, output: stdout };
  }

  /** Starts a shell command that is to be ended by the caller. */
  start(command: string): ChildProcessByStdio<null, null, Readable> {
    const [program, ...args] = this.#entering(command);
    return spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #entering(command: string): [string, ...string[]] {
    const root = join(this.#folder, 'root');
    return ['nsenter', '--mount', `--target=${this.#holder.pid}`, 'chroot', root, 'sh', '-c', command];
  }

  /** Every file, link and removal that differs from the machine, from its root; folders that are only on the way are not among them. */
  written(): string[] {
    const upper = join('/proc', String(this.#holder.pid), 'root', this.#folder, 'upper');
    return globSync('**', { cwd: upper, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(upper.length))
      .sort();
  }

  async remove(): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await ended;
    if (existsSync(this.#folder)) rmdirSync(this.#folder);
  }
}
