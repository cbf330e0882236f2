/** A copy of this machine that is switched on: systemd is its first process and a cable joins it to this one. What is written there vanishes with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { environment, sh } from './ebpf-machine.ts';
import { type ShellSession, shellSession } from './shell-session.ts';

export const BOOTS_BY = ['unshare', 'nsenter', 'systemd-nspawn', 'ip'] as const;

/**
 * systemd-nspawn keeps the kernel's settings and devices from it, and lets eBPF through. Units of the machine that are enabled
 * are not started: they wait for a later target.
 */
const BOOT = `
set -eu
mount -t tmpfs tmpfs "$1"; cd "$1"; mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/nspawn; mount -t tmpfs tmpfs /run/systemd/nspawn
echo "$2" > root/etc/hostname
root=$1; shift 2
exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --link-journal=no --directory="$root/root" "$@" \\
  --capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN --system-call-filter=bpf --boot -- --unit=basic.target`;
const BOOTS_WITHIN_MS = 60_000;
const ENDS_WITHIN_MS = 20_000;
/** Where commands are found there: what a login has, not what this process has. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const NAMESPACES = ['--mount', '--pid', '--uts', '--ipc', '--net', '--cgroup'];

export interface Cable {
  /** On this side. */
  readonly addresses: readonly [string, ...string[]];
  /** On the machine's. */
  readonly machine: string;
  /** Bits of the network. */
  readonly prefix: number;
}

/** What a shell there types so that `to` shows the folder `from`; what is written to it is kept apart, and vanishes with the machine. */
export function showing(from: string, to: string): string {
  const apart = 'apart=$(mktemp -d -p /run); mkdir -p "$apart/upper" "$apart/work"';
  const layers = `lowerdir=${from},upperdir=$apart/upper,workdir=$apart/work`;
  return `mkdir -p ${to}; ${apart}; mount -t overlay overlay -o "${layers}" ${to}`;
}

export class BootedMachine {
  readonly #folder: string;
  readonly #unshare: ChildProcess;
  readonly #pid: number;
  readonly #startsIn: string;
  /** The interface on this side. */
  readonly link: string;

  private constructor(folder: string, unshare: ChildProcess, pid: number, link: string, startsIn: string) {
    this.#startsIn = startsIn;
    this.#folder = folder;
    this.#unshare = unshare;
    this.#pid = pid;
    this.link = link;
  }

  /**
   * @param folders of this machine, by where they stand there; its shells begin in the first
   * @throws Error where it does not boot
   */
  static async boot(
    hostname: string,
    folders: Readonly<Record<string, string>>,
    { addresses, machine, prefix }: Cable,
  ): Promise<BootedMachine> {
    const folder = mkdtempSync(join(tmpdir(), 'vigia-booted-'));
    const link = `vgb${process.pid % 1_000_000}`;
    // In process ids of its own, all of which go with the first.
    const own = ['--mount', '--cgroup', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const args = [...own, 'sh', '-c', BOOT, 'sh'];
    const binds = Object.entries(folders).map(([there, here]) => `--bind=${here}:${there}`);
    const unshare = spawn('unshare', [...args, folder, hostname, `--network-veth-extra=${link}:eth0`, ...binds], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment,
    });
    const said = Promise.all([text(unshare.stdout), text(unshare.stderr)]);
    const ended = once(unshare, 'exit').then(async () => Promise.reject(new Error((await said).join('\n'))));
    ended.catch(() => undefined);
    try {
      const pid = await Promise.race([firstProcess(unshare.pid), ended]);
      const booted = new BootedMachine(folder, unshare, pid, link, Object.keys(folders)[0] ?? '/');
      await Promise.race([booted.#isUp(), ended]);
      for (const address of addresses) sh('ip', 'address', 'add', `${address}/${prefix}`, 'dev', link);
      sh('ip', 'link', 'set', link, 'up');
      booted.#do('ip', 'address', 'add', `${machine}/${prefix}`, 'dev', 'eth0');
      booted.#do('ip', 'link', 'set', 'eth0', 'up');
      return booted;
    } catch (error) {
      await switchOff(unshare, folder, link);
      throw error;
    }
  }

  /** A root shell there. */
  shell(): ShellSession {
    return shellSession('/', { PATH: process.env.PATH ?? PATH }, this.#entering());
  }

  async remove(): Promise<void> {
    await switchOff(this.#unshare, this.#folder, this.link);
  }

  async #isUp(): Promise<void> {
    const state = (): string => {
      const [program, ...args] = this.#entering();
      return spawnSync(program, [...args, 'systemctl', 'is-active', 'basic.target'], {
        encoding: 'utf8',
      }).stdout.trim();
    };
    const deadline = Date.now() + BOOTS_WITHIN_MS;
    while (state() !== 'active') {
      if (Date.now() > deadline) throw new Error(`systemd is not up after ${BOOTS_WITHIN_MS} ms`);
      await sleep(100);
    }
  }

  #do(...command: string[]): void {
    sh(...this.#entering(), ...command);
  }

  /** What runs the command behind it there. */
  #entering(): [string, ...string[]] {
    const clean = ['env', '-i', 'HOME=/root', 'LANG=C.UTF-8', `PATH=${PATH}`];
    return [
      'nsenter',
      `--target=${this.#pid}`,
      ...NAMESPACES,
      `--wd=/proc/${this.#pid}/root${this.#startsIn}`,
      ...clean,
    ];
  }
}

/**
 * The first process of the machine, below that of systemd-nspawn, as this one counts them.
 * @throws Error where there is none in time
 */
async function firstProcess(unshare = 0): Promise<number> {
  for (const deadline = Date.now() + BOOTS_WITHIN_MS; Date.now() < deadline; await sleep(50)) {
    const found = childrenOf(unshare)
      .flatMap(childrenOf)
      .find((pid) => comm(pid) === 'systemd');
    if (found !== undefined) return found;
  }
  throw new Error(`systemd-nspawn has begun no systemd after ${BOOTS_WITHIN_MS} ms`);
}

const childrenOf = (pid: number): number[] =>
  globSync(`/proc/${pid}/task/*/children`).flatMap((file) =>
    readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number),
  );

const comm = (pid: number): string => {
  const file = `/proc/${pid}/comm`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
};

/** Its services end first, unless that takes too long. */
async function switchOff(unshare: ChildProcess, folder: string, link: string): Promise<void> {
  if (unshare.exitCode === null && unshare.signalCode === null) {
    const ended = once(unshare, 'exit');
    for (const nspawn of childrenOf(unshare.pid ?? 0)) process.kill(nspawn, 'SIGTERM');
    const pulled = setTimeout(() => unshare.kill('SIGKILL'), ENDS_WITHIN_MS);
    await ended;
    clearTimeout(pulled);
  }
  spawnSync('ip', ['link', 'delete', link], { stdio: 'ignore' }); // where the kernel has not done so yet
  rmdirSync(folder);
}
