/** What watches an interface: nothing, Vigía, and the peers that people would use instead. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { unitEnvironment } from './unit-environment.ts';

const UNPACKED = fileURLToPath(new URL('../../node_modules/.vigia/usr', import.meta.url));
const VIGIA = fileURLToPath(new URL('../../cli/vigia.ts', import.meta.url));
/** Until a tool has settled. */
const STARTS_MS = 2500;
/** Until it must have ended. */
const ENDS_MS = 10_000;

export const TOOLS = ['none', 'vigia', 'tcpdump', 'softflowd', 'pmacctd'] as const;
export type Tool = (typeof TOOLS)[number];

/** As from a clone; the executable of the Debian package takes the place of both. */
export const CLONE = [process.execPath, VIGIA];

/** @param edge takes the windows @param folder for files of its own @param vigia the command */
function commandOf(tool: Tool, name: string, edge: string, folder: string, vigia: string[]): string[] | null {
  switch (tool) {
    case 'none':
      return null;
    case 'vigia':
      return [...vigia, 'collect', '--to', edge, '--source', `ebpf:${name}`, '--spool', join(folder, 'spool')];
    case 'tcpdump':
      // Else it gives what it writes to, /dev/null, to a user of its own.
      return ['tcpdump', '-n', '-Z', 'root', '-i', name, '-w', '/dev/null'];
    case 'softflowd':
      return [
        'softflowd',
        '-d',
        '-i',
        name,
        '-n',
        '127.0.0.1:9995',
        '-p',
        join(folder, 'pid'),
        '-c',
        join(folder, 'ctl'),
      ];
    case 'pmacctd':
      return [
        'pmacctd',
        '-i',
        name,
        '-c',
        'src_host,dst_host,src_port,dst_port,proto',
        '-P',
        'print',
        '-r',
        '10',
        '-o',
        '/dev/null',
      ];
  }
}

export interface Watching {
  /** The interface. */
  readonly name: string;
  readonly edge: string;
  /** For files of the tool. */
  readonly folder: string;
  /** More of them, for the tool. */
  readonly options?: string[];
  readonly vigia?: string[];
}

/**
 * Runs a tool on an interface while `during` runs.
 * @param during gets its process, or null
 */
export async function watching<Result>(
  tool: Tool,
  { name, edge, folder, options = [], vigia = CLONE }: Watching,
  during: (process: ChildProcess | null) => Promise<Result>,
): Promise<Result> {
  const command = commandOf(tool, name, edge, folder, vigia);
  if (!command) return during(null);
  const [program = '', ...args] = [...command, ...options];
  const env = {
    ...process.env,
    ...(tool === 'vigia' ? unitEnvironment(folder) : {}),
    PATH: [process.env.PATH, '/usr/sbin', join(UNPACKED, 'sbin')].join(delimiter),
    LD_LIBRARY_PATH: join(UNPACKED, 'lib/x86_64-linux-gnu'),
  };
  const child = spawn(program, args, { stdio: 'ignore', env });
  try {
    await sleep(STARTS_MS);
    if (child.exitCode !== null) throw new Error(`${command.join(' ')} ended with ${child.exitCode}`);
    return await during(child);
  } finally {
    if (child.exitCode === null) {
      const exited = once(child, 'exit');
      // Not at once by SIGKILL: the compiled code of a clone is kept when it ends by itself.
      child.kill('SIGTERM');
      if (await Promise.race([exited.then(() => false), sleep(ENDS_MS, true)])) child.kill('SIGKILL');
      await exited;
    }
  }
}

/** Of a peer that the set-up could not bring. */
export const isThere = (tool: Tool): boolean =>
  !['softflowd', 'pmacctd'].includes(tool) || existsSync(join(UNPACKED, 'sbin', tool));
