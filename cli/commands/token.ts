/** `vigia token`: signed tokens for the collectors and readers of a deployment, made here, and revoked there. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { decodeJwt, SignJWT } from 'jose';
import { type RevokedToken, SCOPES, tokenId, tokenIdOf } from '../../contract/token.ts';
import { callEdge, type EdgeOptions, edgeCommand } from '../call-edge.ts';

/** RFC 7518 section 3.2: an HS256 key has at least 256 bits. */
const MIN_KEY_BYTES = 32;
/** Revoked tokens in one answer. */
const PAGE = 1000;

interface Options {
  keyFile: string;
  scope: string[];
  host?: string;
  group?: string;
  days: number;
}

function scopes(value: string): string[] {
  const list = value.split(',');
  const known: readonly string[] = SCOPES;
  const unknown = list.filter((scope) => !known.includes(scope));
  if (unknown.length > 0)
    throw new InvalidArgumentError(`no such scope: ${unknown.join(', ')}; there are ${SCOPES.join(', ')}`);
  return list;
}

function days(value: string): number {
  const count = Number(value);
  if (!Number.isFinite(count) || count <= 0 || count > 3650)
    throw new InvalidArgumentError('must be a number of days, 1 to 3650');
  return count;
}

function readKey(file: string): Uint8Array {
  const key = new TextEncoder().encode(readFileSync(file === '-' ? 0 : file, 'utf8').trim());
  if (key.length < MIN_KEY_BYTES) {
    throw new Error(
      `the key in ${file} has ${key.length} bytes, and needs ${MIN_KEY_BYTES}; make one with: openssl rand -base64 48`,
    );
  }
  return key;
}

async function create(options: Options): Promise<void> {
  const claims = { scope: options.scope.join(' '), host: options.host, group: options.group };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime(`${options.days} days`)
    .sign(readKey(options.keyFile));
  process.stdout.write(`${token}\n`);
  process.stderr.write(`id ${await tokenIdOf(token)}\n`);
}

/** A token that names its own id and end, or only an id. */
async function named(fileOrId: string): Promise<{ id: string; until?: string }> {
  if (tokenId.safeParse(fileOrId).success) return { id: fileOrId };
  const token = readFileSync(fileOrId === '-' ? 0 : fileOrId, 'utf8').trim();
  const { exp } = decodeJwt(token);
  return { id: await tokenIdOf(token), ...(exp !== undefined && { until: new Date(exp * 1000).toISOString() }) };
}

async function revoke(fileOrId: string, options: EdgeOptions): Promise<void> {
  const token = await named(fileOrId);
  const answer = await callEdge(options)('POST /tokens/revoke', { body: token });
  const told = `${token.id} is revoked; every part of the edge knows within half a minute\n`;
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : told);
}

async function list(options: EdgeOptions): Promise<void> {
  const call = callEdge(options);
  let count = 0;
  let cursor: string | undefined;
  do {
    const { revoked, next } = await call('GET /tokens/revoked', { query: { limit: PAGE, cursor } });
    for (const token of revoked) process.stdout.write(`${options.json ? JSON.stringify(token) : line(token)}\n`);
    count += revoked.length;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  process.stderr.write(`${count} revoked; tokens in use are known to their holders alone\n`);
}

function line({ id, revoked_at, until }: RevokedToken): string {
  return `${id}  revoked ${revoked_at}, would have ended ${until}`;
}

export function register(program: Command): void {
  const token = program.command('token').description('tokens for a deployment (an edge on loopback needs none)');
  token.addHelpText(
    'after',
    '\nExample:\n  vigia token create --key-file token.key --host web-1 --group web > web-1.token\n  vigia token revoke web-1.token --to https://vigia.example.com --token-file admin.token\nReplacing the key: docs/deploy.md.',
  );
  token
    .command('create')
    .description('print a token signed with the deployment key')
    .requiredOption('--key-file <FILE>', 'the file that holds TOKEN_KEY; - is stdin')
    .option('--scope <LIST>', `comma separated, of ${SCOPES.join(', ')}`, scopes, ['ingest'])
    .option('--host <NAME>', 'only this host may post with it')
    .option('--group <NAME>', 'only for this group')
    .option('--days <N>', 'days until it expires', days, 365)
    .addHelpText(
      'after',
      '\nExample:\n  vigia token create --key-file token.key --scope ingest --host web-1 --group web > web-1.token',
    )
    .action(create);
  edgeCommand(token, 'revoke', 'admin')
    .description('end a token before its time')
    .argument('<FILE>', 'holds the token, - is stdin; or its id')
    .addHelpText(
      'after',
      '\nExample:\n  vigia token revoke web-1.token --to https://vigia.example.com --token-file admin.token',
    )
    .action(revoke);
  edgeCommand(token, 'list', 'admin')
    .description('the tokens that were revoked')
    .addHelpText('after', '\nExample:\n  vigia token list --to https://vigia.example.com --token-file admin.token')
    .action(list);
}
