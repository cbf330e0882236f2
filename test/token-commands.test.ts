/** `vigia token` as an operator types it: what was signed is on record, and a lost token is found by it and revoked. */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenIdOf } from '../contract/token.ts';
import { REVOKED_KEY } from '../functions/storage/revoked-tokens.ts';
import { type TestEdge, testEdge } from './edge-fixture.ts';

const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const KEY = 'k'.repeat(48);

interface Told {
  code: number | null;
  stdout: string;
  stderr: string;
}
interface Listed {
  id: string;
  state: string;
  scopes: string[] | null;
  host: string | null;
  group: string | null;
  created_at: string | null;
  expires_at: string;
  revoked_at: string | null;
}

let folder: string;
let edge: TestEdge;

async function vigia(args: string[], stdin = ''): Promise<Told> {
  const env = { ...process.env, HOME: folder, XDG_STATE_HOME: '' };
  const child = spawn(process.execPath, [VIGIA, 'token', ...args], { cwd: folder, env });
  child.stdin.end(stdin);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

const create = (...args: string[]): Promise<Told> => vigia(['create', '--key-file', 'token.key', ...args]);
const atEdge = (...args: string[]): Promise<Told> => vigia([...args, '--to', edge.url, '--token-file', 'admin.token']);
const linesOf = (output: string): string[] => output.split('\n').filter((line) => line !== '');
const tokensOf = ({ code, stdout, stderr }: Told): Listed[] => {
  expect(code, stderr).toBe(0);
  return linesOf(stdout).map((line) => JSON.parse(line) as Listed);
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-token-commands-'));
  writeFileSync(join(folder, 'token.key'), `${KEY}\n`, { mode: 0o600 });
  edge = await testEdge({ TOKEN_KEY: KEY });
});
afterAll(async () => {
  await edge?.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('vigia token create', () => {
  it('records what it signed beside the key, for its user alone, and never the token', async () => {
    const { stdout, stderr } = await create('--scope', 'admin', '--days', '2');
    writeFileSync(join(folder, 'admin.token'), stdout);
    const id = await tokenIdOf(stdout.trim());
    expect(stderr).toBe(`id ${id}, recorded in token.key.issued\n`);
    const record = readFileSync(join(folder, 'token.key.issued'), 'utf8');
    expect(JSON.parse(record)).toEqual({
      id,
      scopes: ['admin'],
      host: null,
      group: null,
      created_at: expect.any(String),
      expires_at: expect.any(String),
    });
    const { created_at, expires_at } = JSON.parse(record) as Record<string, string>;
    expect(Date.parse(expires_at ?? '') - Date.parse(created_at ?? '')).toBe(2 * 86_400_000);
    expect(record).not.toContain(stdout.trim().split('.')[2]);
    expect(statSync(join(folder, 'token.key.issued')).mode & 0o777).toBe(0o600);
  });

  it('of a key from stdin in the folder of state, or where --issued-file says', async () => {
    const piped = await vigia(['create', '--key-file', '-'], KEY);
    const place = join(folder, '.local/state/vigia/tokens.issued');
    expect(piped.stderr).toBe(`id ${await tokenIdOf(piped.stdout.trim())}, recorded in ${place}\n`);
    expect(statSync(place).mode & 0o777).toBe(0o600);
    const named = await create('--issued-file', 'other.issued', '--host', 'db-1');
    expect(named.stderr).toMatch(/recorded in other\.issued\n$/);
    expect(tokensOf(await vigia(['list', '--offline', '--json', '--issued-file', 'other.issued']))).toMatchObject([
      { id: await tokenIdOf(named.stdout.trim()), host: 'db-1' },
    ]);
    expect(tokensOf(await vigia(['list', '--offline', '--json']))).toMatchObject([
      { id: await tokenIdOf(piped.stdout.trim()) },
    ]);
  });

  it('gives out no token that it cannot record', async () => {
    const { code, stdout, stderr } = await create('--issued-file', 'none/tokens.issued');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^vigia: none\/tokens\.issued, .* cannot be written: .*--issued-file\n$/);
  });
});

describe('vigia token list', () => {
  const list = (...args: string[]): Promise<Told> => atEdge('list', '--key-file', 'token.key', ...args);
  let admin: string;
  let lost: string;

  beforeAll(async () => {
    admin = await tokenIdOf(readFileSync(join(folder, 'admin.token'), 'utf8').trim());
    lost = await tokenIdOf((await create('--host', 'web-1', '--group', 'web')).stdout.trim());
    const long = { scopes: ['read'], host: null, group: null, created_at: '2025-01-01T00:00:00.000Z' };
    appendFileSync(
      join(folder, 'token.key.issued'),
      `${JSON.stringify({ ...long, id: 'e'.repeat(32), expires_at: '2026-01-01T00:00:00.000Z' })}\n`,
    );
  });

  it('finds a lost token by its host, and tells that it was revoked', async () => {
    const found = tokensOf(await list('--json')).filter(({ host, state }) => host === 'web-1' && state === 'valid');
    expect(found).toMatchObject([{ id: lost, scopes: ['ingest'], group: 'web', revoked_at: null }]);
    expect((await atEdge('revoke', lost)).code).toBe(0);
    expect(tokensOf(await list('--json')).map(({ id, state }) => [id, state])).toEqual([
      ['e'.repeat(32), 'expired'],
      [lost, 'revoked'],
      [admin, 'valid'],
    ]);
    const { stdout, stderr } = await list();
    expect(linesOf(stdout).map((line) => line.split(/ {2,}/).slice(0, 5))).toEqual([
      ['id', 'state', 'scopes', 'host', 'group'],
      ['e'.repeat(32), 'expired', 'read', 'any', 'any'],
      [lost, 'revoked', 'ingest', 'web-1', 'web'],
      [admin, 'valid', 'admin', 'any', 'any'],
    ]);
    expect(stderr).toBe('3 tokens, 1 expired, 1 revoked, 1 valid\n');
  });

  it('without an edge says that revocations are unknown', async () => {
    const { stdout, stderr } = await vigia(['list', '--offline', '--key-file', 'token.key', '--json']);
    expect(linesOf(stdout).map((line) => (JSON.parse(line) as Listed).state)).toEqual([
      'expired',
      'unknown',
      'unknown',
    ]);
    expect(stderr).toMatch(/\nno edge was asked: which of them were revoked is unknown\n/);
    const { code, stdout: none, stderr: away } = await vigia(['list', '--to', 'http://127.0.0.1:1']);
    expect([code, none]).toEqual([2, '']);
    expect(away).toMatch(/does not answer: .*; --offline lists what was signed here/);
  });

  it('says so where there is no record, and which lines of it cannot be read', async () => {
    expect((await atEdge('list', '--key-file', 'no.key')).stderr).toMatch(/there is no no\.key\.issued: .*--key-file/);
    writeFileSync(join(folder, 'half.issued'), `{"id": "0123\n\n{"id": "${'a'.repeat(32)}"}\n`);
    const { code, stderr } = await atEdge('list', '--issued-file', 'half.issued');
    expect(code).toBe(0);
    expect(stderr).toMatch(/half\.issued:1 cannot be read.*\nhalf\.issued:3 cannot be read/);
  });

  it('asks for every page of what was revoked, and lists what was signed elsewhere too', async () => {
    const id = (n: number): string => n.toString(16).padStart(32, '0');
    const many = Array.from({ length: 2_001 }, (_, n) => ({
      id: id(n),
      revoked_at: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
      until: '2036-01-01T00:00:00.000Z',
    }));
    const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
    await bucket.put(REVOKED_KEY, JSON.stringify({ revoked: many }));
    const listed = tokensOf(await list('--json'));
    const elsewhere = listed.filter(({ scopes }) => scopes === null);
    expect(elsewhere.map((token) => token.id)).toEqual(many.map((token) => token.id).reverse());
    expect(elsewhere[0]).toEqual({
      ...{ id: id(2_000), state: 'revoked', scopes: null, host: null, group: null, created_at: null },
      expires_at: '2036-01-01T00:00:00.000Z',
      revoked_at: many[2_000]?.revoked_at,
    });
    expect(listed.slice(0, 3).map(({ state }) => state)).toEqual(['expired', 'valid', 'valid']);
    expect((await list()).stdout).toMatch(new RegExp(`^${id(7)} +revoked +not recorded `, 'm'));
  });
});
