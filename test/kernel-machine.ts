/** Boots a Debian kernel in an emulator, with Node, the collector and a few tools in memory as all there is beside it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { sh } from './ebpf-machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const KERNELS = join(root, 'node_modules/.vigia/kernels');
const TOOLS = ['busybox', 'ip', 'tc', 'ping', 'setpriv'];
/** Beside what the executables are linked with: koffi loads it by name. */
const LIBBPF = 'libbpf.so.1';
const MEMORY_MIB = 768;
const MOST_MS = 200_000;

/** Whether the set-up has unpacked a kernel. */
export const hasKernel = (release: string): boolean => existsSync(join(KERNELS, release));

/** Commands that make and boot the machine. */
export const MACHINE_TOOLS = ['qemu-system-x86_64', 'cpio', 'ldd', ...TOOLS];

export interface Guest {
  /** What the programs inside wrote, a JSON value a line. */
  readonly lines: unknown[];
  /** What the kernel and their stderr wrote. */
  readonly console: string;
}

/** An initial RAM disk that runs the self-test on whichever of the kernels is booted with it. @returns its file, in a folder to be removed */
export async function makeRamDisk(releases: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-kernels-'));
  const disk = join(folder, 'root');
  for (const name of ['bin', 'proc', 'sys', 'dev', 'run', 'tmp']) mkdirSync(join(disk, name), { recursive: true });
  copyFileSync(join(root, 'test/kernels/init.sh'), join(disk, 'init'));
  chmodSync(join(disk, 'init'), 0o755);
  const executables = [process.execPath, ...TOOLS.map((tool) => sh('which', tool).trim())];
  for (const file of executables)
    copyFileSync(realpathSync(file), join(disk, 'bin', file.slice(dirname(file).length + 1)));
  copyLibraries(disk, executables);
  await copyCollector(join(disk, 'vigia'));
  for (const release of releases) copyModules(disk, release);
  const file = join(folder, 'ramdisk');
  sh('sh', '-c', 'cd "$1" && find . | cpio -o -H newc --quiet > "$2"', 'sh', disk, file);
  rmSync(disk, { recursive: true });
  return file;
}

function copyLibraries(disk: string, executables: readonly string[]): void {
  const libbpf = sh('sh', '-c', '/sbin/ldconfig -p').match(new RegExp(`=> (\\S+/${LIBBPF})$`, 'm'))?.[1];
  if (!libbpf) throw new Error(`${LIBBPF} is not installed`);
  // ldd fails on what is linked statically, which needs nothing.
  const linked = [...executables, libbpf].map((file) => sh('sh', '-c', 'ldd "$1" || true', 'sh', file)).join('\n');
  const needed = linked.match(/(?<=\s)\/\S+(?= \()/g) ?? [];
  for (const file of new Set([libbpf, ...needed])) {
    mkdirSync(join(disk, dirname(file)), { recursive: true });
    copyFileSync(file, join(disk, file));
  }
}

/** The programs as bundles, with the native library and the eBPF object where they look for them. */
async function copyCollector(to: string): Promise<void> {
  await build({
    entryPoints: ['doctor', 'block', 'observe'].map((name) => join(root, `test/kernels/${name}.ts`)),
    bundle: true,
    platform: 'node',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    external: ['koffi'],
    outdir: join(to, 'guest'),
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  cpSync(join(root, 'collector/bpf'), join(to, 'bpf'), { recursive: true });
  for (const name of ['koffi', '@koromix'])
    cpSync(join(root, 'node_modules', name), join(to, 'node_modules', name), { recursive: true });
}

function copyModules(disk: string, release: string): void {
  const from = join(KERNELS, release);
  const to = join(disk, 'modules', imageOf(release).replace(/^vmlinuz-/, ''));
  mkdirSync(to, { recursive: true });
  for (const module of readdirSync(from).filter((name) => name.includes('.ko')))
    copyFileSync(join(from, module), join(to, module));
}

function imageOf(release: string): string {
  const image = readdirSync(join(KERNELS, release)).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`there is no image of Linux ${release}`);
  return image;
}

/**
 * Boots, and waits until the self-test has ended. Emulated, not virtualised: what /dev/kvm can do differs from machine to machine.
 * On a busy machine the emulated timer can be too late for the kernel's own check of it, hence no_timer_check.
 * @param ramDisk of makeRamDisk
 * @throws Error with the console where the machine ended otherwise, or was silent
 */
export async function boot(release: string, ramDisk: string): Promise<Guest> {
  const file = `${ramDisk}-${release}.ndjson`;
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...['-machine', 'pc,accel=tcg', '-cpu', 'Nehalem', '-smp', '2', '-m', `${MEMORY_MIB}`],
      ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio', '-serial', `file:${file}`],
      ...['-kernel', join(KERNELS, release, imageOf(release)), '-initrd', ramDisk],
      ...['-append', 'console=ttyS0 loglevel=4 panic=-1 no_timer_check'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said = await untilItEnds(machine);
  const written = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  if (machine.exitCode !== 0 || written.length === 0)
    throw new Error(`Linux ${release} ended with ${machine.exitCode ?? machine.signalCode} and said:\n${said}`);
  return { lines: written.map((line): unknown => JSON.parse(line)), console: said };
}

/** Both its outputs. */
async function untilItEnds(machine: ChildProcessByStdio<null, Readable, Readable>): Promise<string> {
  const stop = (): void => void machine.kill('SIGKILL');
  const timer = setTimeout(stop, MOST_MS);
  process.once('exit', stop);
  try {
    const [out, err] = await Promise.all([text(machine.stdout), text(machine.stderr), once(machine, 'close')]);
    return out + err;
  } finally {
    clearTimeout(timer);
    process.removeListener('exit', stop);
  }
}
