/** The signing key as shells and editors leave it: the command and the edge read it alike. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestEdge, testEdge } from './edge-fixture.ts';

const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const KEY = `${'k'.repeat(30)}/+=`;
const PREVIOUS = 'p'.repeat(40);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-token-key-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** By `vigia token create` of a file with this text. */
function bearer(keyText: string): string {
  const file = join(folder, 'token.key');
  writeFileSync(file, keyText);
  const args = [VIGIA, 'token', 'create', '--key-file', file, '--scope', 'read'];
  return `Bearer ${execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()}`;
}

describe('an edge whose keys have white space around them', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge({ TOKEN_KEY: `${KEY}\n`, TOKEN_KEY_PREVIOUS: ` ${PREVIOUS}\r\n` });
  });
  afterAll(() => edge.remove());

  it.each([
    ['the key', KEY],
    ['the key and a line end', `${KEY}\n`],
    ['the key before', PREVIOUS],
    ['the key before and the line end of another system', `${PREVIOUS}\r\n`],
  ])('takes tokens of a file with %s', async (_, text) => {
    expect((await fetch(`${edge.url}/stats`, { headers: { authorization: bearer(text) } })).status).toBe(200);
  });

  it('takes its own', async () => {
    expect((await edge.trainNow()).status).toBe(422); // let in, and there is nothing to learn from
  });
});

it.each([
  ['TOKEN_KEY', { TOKEN_KEY: ' '.repeat(40) }],
  ['TOKEN_KEY', { TOKEN_KEY: `${'k'.repeat(31)}\n\n` }],
  ['TOKEN_KEY_PREVIOUS', { TOKEN_KEY: KEY, TOKEN_KEY_PREVIOUS: '\n' }],
])('white space makes no key: %s is told to be too short, and nothing is served without one', async (name, vars) => {
  const edge = await testEdge(vars);
  try {
    const answer = await fetch(`${edge.url}/stats`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(`${name}.*shorter than 32 bytes`) });
  } finally {
    await edge.remove();
  }
});
