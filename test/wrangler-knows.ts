/** What can be seen of a command of wrangler without an account: that it exists with these arguments, and names what is deployed. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ROOT } from './page-blocks.ts';

const COMMANDS = [
  'login',
  'deploy',
  'delete',
  'rollback',
  'tail',
  'versions list',
  'secret put',
  'secret delete',
  'queues create',
  'queues delete',
  'queues info',
  'queues consumer remove',
  'r2 bucket create',
  'r2 bucket delete',
  'r2 bucket lifecycle add',
];

const helps = new Map<string, string>();

export function wranglerKnows(line: string): void {
  const words = line.replace(/^npx wrangler /, '').replace(/ < \S+$/, '');
  const command = COMMANDS.find((known) => words === known || words.startsWith(`${known} `));
  if (command === undefined) throw new Error(`not known here: ${line}`);
  const help = helpOf(command);
  expect(help).toContain(`wrangler ${command}`);
  const rest = words.slice(command.length).trim().split(' ');
  const options = rest.filter((word) => word.startsWith('--'));
  for (const option of options) expect(help).toMatch(new RegExp(`${option}\\s`));
  // Each option here takes a value.
  const positional = rest.filter((word, i) => word !== '' && !word.startsWith('--') && !rest[i - 1]?.startsWith('--'));
  const usage = help.slice(help.indexOf(`wrangler ${command}`)).split('\n')[0] ?? '';
  expect(positional.length, usage).toBeLessThanOrEqual([...usage.matchAll(/[<[]/g)].length);
  for (const name of positional.filter((word) => word.startsWith('vigia'))) expect(deployed()).toContain(`"${name}"`);
  for (const file of /--config (\S+)/.exec(line)?.slice(1) ?? []) expect(existsSync(join(ROOT, file))).toBe(true);
}

/** Names of Workers, buckets and queues. */
function deployed(): string {
  const files = ['wrangler.toml', ...globSync('functions/*/wrangler.toml', { cwd: ROOT })];
  return files.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n');
}

function helpOf(command: string): string {
  const known = helps.get(command);
  if (known !== undefined) return known;
  const wrangler = join(ROOT, 'node_modules/.bin/wrangler');
  const { status, stdout, stderr } = spawnSync(wrangler, [...command.split(' '), '--help'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  helps.set(command, stdout + stderr);
  return stdout + stderr;
}
