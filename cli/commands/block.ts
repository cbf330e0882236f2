/** `vigia block`: what the collector on this host drops; by hand over its control socket. */
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { type BlockListing, blockedEntry, blockListing, controlError } from '../../collector/block/control-protocol.ts';
import { CONTROL_SOCKET } from '../../collector/block/serve-blocking.ts';
import { lengthOfTime } from '../option-values.ts';

/** Where the service, `vigia collect` and `vigia up` have their spool. */
const USUAL_SPOOLS = ['/var/lib/vigia', '.vigia/spool'] as const;
const TIMEOUT_MS = 10_000;

interface Options {
  spool?: string;
  json?: true;
}

interface AddOptions extends Options {
  for: number;
  reason: string;
  force?: true;
}

/** The collector did not do what was asked. */
class BlockCommandError extends Error {
  override readonly name = 'BlockCommandError';
}

export function register(program: Command): void {
  const block = program.command('block').description('what the collector on this host drops');
  const withSpool = (command: Command): Command =>
    command.option('--spool <DIR>', `spool of the collector (default: the first of ${USUAL_SPOOLS.join(', ')})`);
  withSpool(block.command('list'))
    .description('the entries, what each dropped, and what is never dropped')
    .option('--json', 'as the collector tells it')
    .action(show);
  withSpool(block.command('add'))
    .description('drop what comes from an address or network, whatever the mode; the allowlist wins')
    .argument('<RANGE>', '192.0.2.7, 192.0.2.0/24, 2001:db8::/32')
    .option('--for <TIME>', '90s, 10m, 2h, 1d', lengthOfTime, 3600)
    .option('--reason <TEXT>', 'for those who come after', 'by hand')
    .option('--force', 'also where the range is wider than /8 (IPv6: /16) or has much of the usual traffic')
    .action(add);
  withSpool(block.command('remove'))
    .description('drop it no longer')
    .argument('<RANGE>', 'as it is listed')
    .action(remove);
  withSpool(block.command('clear')).description('drop nothing any longer').action(clear);
  block.addHelpText(
    'after',
    '\nExample:\n  sudo vigia block add 203.0.113.9 --for 2h --reason "ticket 4711"\n  sudo vigia block list',
  );
}

async function show(options: Options): Promise<void> {
  const listing = blockListing.parse(await ask(options, 'GET', '/blocks'));
  process.stdout.write(options.json ? `${JSON.stringify(listing)}\n` : table(listing));
}

async function add(range: string, { for: for_s, reason, force, ...options }: AddOptions): Promise<void> {
  const entry = blockedEntry.parse(await ask(options, 'POST', '/blocks', { range, for_s, reason, force }));
  process.stdout.write(`${entry.range} is blocked until ${entry.until}\n`);
}

async function remove(range: string, options: Options): Promise<void> {
  await ask(options, 'DELETE', `/blocks?range=${encodeURIComponent(range)}`);
  process.stdout.write(`${range} is blocked no longer\n`);
}

async function clear(options: Options): Promise<void> {
  await ask(options, 'DELETE', '/blocks');
  process.stdout.write('nothing is blocked any longer\n');
}

function table({ mode, interfaces, blocks, allowed, refused }: BlockListing): string {
  const verdicts = { off: 'block nobody', 'dry-run': 'are only counted (dry run)', enforce: 'are enforced' }[mode];
  const lines = [`verdicts ${verdicts}; ${interfaces} ${interfaces === 1 ? 'interface' : 'interfaces'}`];
  for (const { range, until, reason, origin, enforced, packets, bytes } of blocks) {
    const does = enforced ? 'dropped' : 'would have dropped';
    lines.push(`${range.padEnd(24)} until ${until}  ${does} ${packets} packets, ${bytes} bytes  ${reason} (${origin})`);
  }
  if (blocks.length === 0) lines.push('nothing is blocked');
  const refusals = Object.entries(refused).filter(([, count]) => count > 0);
  if (refusals.length > 0) lines.push(`refused: ${refusals.map(([guard, count]) => `${guard} ${count}`).join(', ')}`);
  lines.push(`never dropped: ${allowed.map(({ range, because }) => `${range} (${because})`).join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function socketOf({ spool }: Options): string {
  const folders = spool === undefined ? USUAL_SPOOLS : [spool];
  const path = folders.map((folder) => join(folder, CONTROL_SOCKET)).find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw new BlockCommandError(
      `no collector that watches an interface has its control socket in ${folders.join(' or ')}; name its spool with --spool`,
    );
  return path;
}

/** @returns what the collector answers @throws BlockCommandError where it refuses, or does not run */
async function ask(options: Options, method: string, path: string, body?: object): Promise<unknown> {
  const socketPath = socketOf(options);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: string }>();
  const headers = payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) };
  request({ socketPath, method, path, headers, timeout: TIMEOUT_MS }, (response) => {
    text(response).then((answer) => resolve({ status: response.statusCode ?? 0, answer }), reject);
  })
    .on('error', (cause) => reject(new BlockCommandError(`${socketPath}: ${hint(cause)}`, { cause })))
    .end(payload);
  const { status, answer } = await promise;
  const parsed: unknown = JSON.parse(answer);
  if (status >= 400) throw new BlockCommandError(controlError.parse(parsed).error);
  return parsed;
}

function hint(cause: Error): string {
  if (!('code' in cause)) return cause.message;
  if (cause.code === 'EACCES') return 'only root and the user of the collector may ask: use sudo';
  if (cause.code === 'ECONNREFUSED') return 'the collector does not run';
  return cause.message;
}
