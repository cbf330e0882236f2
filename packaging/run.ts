/** Runs a tool of the build to its end. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A tool that is missing or failed; its message holds what the tool said. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/**
 * @returns its stdout
 * @throws BuildError unless it exits with 0
 */
export function run(
  command: string,
  args: readonly string[],
  options: { in?: string; env?: NodeJS.ProcessEnv } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: options.in ?? ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...options.env },
  });
  if (status !== 0) throw new BuildError(`${command} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}
