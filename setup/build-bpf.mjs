#!/usr/bin/env node
// Builds each *.bpf.c of collector/bpf and bench into its committed *.bpf.o with clang: the same sources and clang give the same bytes.
// Plain JavaScript that runs on the host's own Node (18 or later). `node setup/build-bpf.mjs [output folder [folder of the kernel's asm headers]]`
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const APT = 'apt-get install -y clang llvm libbpf-dev linux-libc-dev';

/** linux/types.h wants asm/types.h, which Debian keeps per architecture. */
const ARCHITECTURE_INCLUDES = ['/usr/include/x86_64-linux-gnu', '/usr/include/aarch64-linux-gnu'];
const include = process.argv[3] ?? ARCHITECTURE_INCLUDES.find((folder) => existsSync(join(folder, 'asm', 'types.h')));

function run(command, args, cwd) {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error?.code === 'ENOENT') {
    console.error(`build-bpf: ${command} is missing. As root on Debian or Ubuntu: ${APT}`);
    process.exit(1);
  }
  if (status !== 0) {
    console.error(`build-bpf: ${command} ${args.join(' ')} failed:\n${error?.message ?? stderr}`);
    process.exit(1);
  }
}

const output = process.argv[2] && resolve(process.argv[2]);
if (output) mkdirSync(output, { recursive: true });
for (const folder of ['collector/bpf', 'bench']) {
  const from = join(root, folder);
  for (const source of readdirSync(from).filter((name) => name.endsWith('.bpf.c'))) {
    const object = join(output ?? from, `${basename(source, '.c')}.o`);
    // Compiled inside its folder, so that no path of this machine gets into the line information.
    run(
      'clang',
      [
        ...['-target', 'bpfel', '-mcpu=v3', '-O2', '-g', '-Wall', '-Werror', '-fdebug-compilation-dir=.'],
        ...(include ? ['-idirafter', include] : []),
        ...['-c', source, '-o', object],
      ],
      from,
    );
    run('llvm-strip', ['-g', object], from);
    console.error(`build-bpf: ${folder}/${source} → ${object}`);
  }
}
