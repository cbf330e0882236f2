/** `vigia token`: signed tokens for the collectors and readers of a deployment, made here, and revoked there. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { decodeJwt, SignJWT } from 'jose';
import { UnreachableError } from '../../contract/client.ts';
import { type RevokedToken, SCOPES, type Scope, signingKey, tokenId, tokenIdOf } from '../../contract/token.ts';
import { callEdge, type EdgeOptions, edgeCommand } from '../call-edge.ts';
import { type RecordPlace, readIssued, recordFile, recordIssued } from '../issued-tokens.ts';
import { type ListedToken, listedTokens } from '../listed-tokens.ts';
import { tableLines } from '../table.ts';

/** RFC 7518 section 3.2: an HS256 key has at least 256 bits. */
const MIN_KEY_BYTES = 32;
/** Revoked tokens in one answer. */
const PAGE = 1000;
const ISSUED_FILE = 'the record of what was signed (default: the key file with .issued after its name)';

interface CreateOptions extends RecordPlace {
  keyFile: string;
  scope: Scope[];
  host?: string;
  group?: string;
  days: number;
}

interface ListOptions extends EdgeOptions, RecordPlace {
  offline?: true;
}

function scopes(value: string): Scope[] {
  return value.split(',').map((name) => {
    const scope = SCOPES.find((one) => one === name);
    if (scope === undefined) throw new InvalidArgumentError(`no such scope: ${name}; there are ${SCOPES.join(', ')}`);
    return scope;
  });
}

function days(value: string): number {
  const count = Number(value);
  if (!Number.isFinite(count) || count <= 0 || count > 3650)
    throw new InvalidArgumentError('must be a number of days, 1 to 3650');
  return count;
}

function readKey(file: string): Uint8Array {
  const key = signingKey(readFileSync(file === '-' ? 0 : file, 'utf8'));
  if (key.length < MIN_KEY_BYTES) {
    throw new Error(
      `the key in ${file} has ${key.length} bytes, and needs ${MIN_KEY_BYTES}; make one with: openssl rand -base64 48`,
    );
  }
  return key;
}

async function create(options: CreateOptions): Promise<void> {
  const claims = { scope: options.scope.join(' '), host: options.host, group: options.group };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime(`${options.days} days`)
    .sign(readKey(options.keyFile));
  const id = await tokenIdOf(token);
  const { iat = 0, exp = 0 } = decodeJwt(token);
  const file = recordFile(options);
  recordIssued(file, {
    id,
    scopes: options.scope,
    host: options.host ?? null,
    group: options.group ?? null,
    created_at: instantOf(iat),
    expires_at: instantOf(exp),
  });
  process.stdout.write(`${token}\n`);
  process.stderr.write(`id ${id}, recorded in ${file}\n`);
}

function instantOf(epoch_s: number): string {
  return new Date(epoch_s * 1000).toISOString();
}

/** A token that names its own id and end, or only an id. */
async function named(fileOrId: string): Promise<{ id: string; until?: string }> {
  if (tokenId.safeParse(fileOrId).success) return { id: fileOrId };
  const token = readFileSync(fileOrId === '-' ? 0 : fileOrId, 'utf8').trim();
  const { exp } = decodeJwt(token);
  return { id: await tokenIdOf(token), ...(exp !== undefined && { until: instantOf(exp) }) };
}

async function revoke(fileOrId: string, options: EdgeOptions): Promise<void> {
  const token = await named(fileOrId);
  const answer = await callEdge(options)('POST /tokens/revoke', { body: token });
  const told = `${token.id} is revoked; every part of the edge knows within half a minute\n`;
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : told);
}

async function list(options: ListOptions): Promise<void> {
  const file = recordFile(options);
  const record = readIssued(file);
  const revoked = options.offline ? null : await allRevoked(options);
  const tokens = listedTokens(record?.issued ?? [], revoked, new Date());
  if (options.json) for (const token of tokens) process.stdout.write(`${JSON.stringify(token)}\n`);
  else if (tokens.length > 0) process.stdout.write(`${tableLines(HEADINGS, tokens.map(cells)).join('\n')}\n`);
  const states = [...new Set(tokens.map(({ state }) => state))];
  const counts = states.map((state) => `, ${tokens.filter((token) => token.state === state).length} ${state}`);
  process.stderr.write(`${tokens.length} tokens${counts.join('')}\n`);
  if (revoked === null) process.stderr.write('no edge was asked: which of them were revoked is unknown\n');
  if (record === null)
    process.stderr.write(
      `there is no ${file}: of tokens that were signed nothing is known; name the record by --key-file or --issued-file\n`,
    );
  for (const line of record?.broken ?? []) process.stderr.write(`${file}:${line} cannot be read and is passed over\n`);
}

/** @throws UnreachableError, and what else the call throws */
async function allRevoked(edge: EdgeOptions): Promise<RevokedToken[]> {
  const call = callEdge(edge);
  const all: RevokedToken[] = [];
  let cursor: string | undefined;
  do {
    const { revoked, next } = await call('GET /tokens/revoked', { query: { limit: PAGE, cursor } }).catch(
      (cause: unknown) => {
        if (!(cause instanceof UnreachableError)) throw cause;
        throw new UnreachableError(`${cause.message}; --offline lists what was signed here without asking`, { cause });
      },
    );
    all.push(...revoked);
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  return all;
}

const HEADINGS = ['id', 'state', 'scopes', 'host', 'group', 'created', 'ends', 'revoked'];

function cells({ id, state, scopes, host, group, created_at, expires_at, revoked_at }: ListedToken): string[] {
  const claims = scopes === null ? ['not recorded', '', ''] : [scopes.join(','), host ?? 'any', group ?? 'any'];
  return [id, state, ...claims, created_at ?? '', expires_at, revoked_at ?? ''];
}

export function register(program: Command): void {
  const token = program.command('token').description('tokens for a deployment (an edge on loopback needs none)');
  token.addHelpText(
    'after',
    '\nExample:\n  vigia token create --key-file token.key --host web-1 --group web > web-1.token\n  vigia token list --key-file token.key --to https://vigia.example.com --token-file admin.token\n  vigia token revoke web-1.token --to https://vigia.example.com --token-file admin.token\nReplacing the key: docs/deploy.md.',
  );
  token
    .command('create')
    .description('print a token signed with the deployment key')
    .requiredOption('--key-file <FILE>', 'the file that holds TOKEN_KEY; - is stdin')
    .option('--scope <LIST>', `comma separated, of ${SCOPES.join(', ')}`, scopes, ['ingest'])
    .option('--host <NAME>', 'only this host may post with it')
    .option('--group <NAME>', 'only for this group')
    .option('--days <N>', 'days until it expires', days, 365)
    .option('--issued-file <FILE>', ISSUED_FILE)
    .addHelpText(
      'after',
      '\nExample:\n  vigia token create --key-file token.key --scope ingest --host web-1 --group web > web-1.token\nIts id, scopes, host, group and end are recorded in token.key.issued, the token is not; of a key from stdin in ~/.local/state/vigia/tokens.issued.',
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
    .description('the tokens that were signed here, and whether each is valid, expired or revoked')
    .option('--key-file <FILE>', 'the one they were signed with; only its name is needed')
    .option('--issued-file <FILE>', ISSUED_FILE)
    .option('--offline', 'ask no edge: which were revoked is unknown then')
    .addHelpText(
      'after',
      '\nExample:\n  vigia token list --key-file token.key --to https://vigia.example.com --token-file admin.token',
    )
    .action(list);
}
