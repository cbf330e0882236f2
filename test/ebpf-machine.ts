/** What the tests of the kernel side need from the machine, and why a test has to be skipped where that is missing. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernel } from '../collector/kernel/libbpf.ts';
import { ownCapabilitiesMissing } from '../collector/kernel/privileges.ts';

const UNPACKED = fileURLToPath(new URL('../node_modules/.vigia/usr', import.meta.url));
const PATH = [
  ...(process.env.PATH ?? '').split(delimiter),
  ...['/usr/local/sbin', '/usr/sbin', '/sbin'],
  ...['sbin', 'bin'].map((folder) => join(UNPACKED, folder)),
];
/** With what the set-up unpacked. */
export const environment = { ...process.env, PATH: PATH.join(delimiter) };

/** @returns why not, or '' where everything is there */
export function missing(...tools: string[]): string {
  const capabilities = ownCapabilitiesMissing();
  if (capabilities.length > 0) return `needs ${capabilities.join(', ')}`;
  try {
    kernel();
  } catch {
    return 'needs libbpf1';
  }
  const absent = tools.filter((tool) => !PATH.some((folder) => existsSync(join(folder, tool))));
  return absent.length > 0 ? `needs ${absent.join(', ')}` : '';
}

/** A test's name with the reason for which it is skipped. */
export const named = (claim: string, reason: string): string => (reason ? `${claim} [skipped: ${reason}]` : claim);

export const CAPTURES = fileURLToPath(new URL('../../shared/data/pcap/', import.meta.url));

/** Runs a command to its end. @returns stdout; @throws Error with stderr unless it exits with 0 */
export function sh(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: environment,
    maxBuffer: 2 ** 26,
  });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
