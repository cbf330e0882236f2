/** Debian's nginx on loopback: installed, or unpacked below node_modules by the set-up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const UNPACKED = fileURLToPath(new URL('../node_modules/.vigia', import.meta.url));

/** @throws Error with the remedy where the program is missing */
function nginxProgram(): string {
  const found = ['/', UNPACKED].map((folder) => join(folder, 'usr/sbin/nginx')).find((file) => existsSync(file));
  if (found === undefined) throw new Error('nginx is not here; as root: node setup/setup.mjs test');
  return found;
}

/**
 * Makes `nginx` a command in `folder/bin` that reads Debian's settings, with the folders they name below `folder`.
 * @throws Error with the remedy where the program is missing
 */
export function nginxCommand(folder: string): void {
  const etc = ['/', UNPACKED].map((root) => join(root, 'etc/nginx')).find((one) => existsSync(join(one, 'nginx.conf')));
  if (etc === undefined) throw new Error('nginx has no settings here; as root: node setup/setup.mjs test');
  for (const place of ['bin', 'run', 'etc/nginx/conf.d', 'var/log/nginx'])
    mkdirSync(join(folder, place), { recursive: true });
  const settings = readFileSync(join(etc, 'nginx.conf'), 'utf8')
    .replace('/etc/nginx/mime.types', join(etc, 'mime.types'))
    .replaceAll(/(?<=[ \t])\/(etc\/nginx|run|var\/log\/nginx)\//g, `${folder}/$1/`)
    .replace(/^http \{$/m, `http { ${temporaryPaths(join(folder, 'run'))}`);
  const file = join(folder, 'etc/nginx/nginx.conf');
  writeFileSync(file, settings);
  writeFileSync(join(folder, 'bin/nginx'), `#!/bin/sh\nexec ${nginxProgram()} -c ${file} "$@"\n`);
  chmodSync(join(folder, 'bin/nginx'), 0o755);
}

function temporaryPaths(folder: string): string {
  const names = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return names.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
}

export interface Nginx {
  stop(): Promise<void>;
}

/**
 * @param server a `server { … }`
 * @param port on which it listens
 * @throws Error with its complaints where it does not serve
 */
export async function startNginx(server: string, port: number): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-nginx-'));
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; user root; pid ${folder}/pid; error_log stderr; events {} http { access_log off; ${temporaryPaths(folder)}\n${server}}`,
  );
  const child = spawn(nginxProgram(), ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints += chunk;
  });
  const exited = once(child, 'exit');
  for (const deadline = Date.now() + 10_000; !(await accepts(port)); await sleep(20))
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`nginx does not serve: ${complaints}`);
  return {
    stop: async () => {
      child.kill('SIGQUIT');
      const cut = setTimeout(() => child.kill('SIGTERM'), 1000); // a stream has no end
      await exited;
      clearTimeout(cut);
      rmSync(folder, { recursive: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
