/** Tokens at a running edge: asked for everywhere but on /health, and good for what they name until they end or are revoked. */
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenIdOf } from '../contract/token.ts';
import { quietWindow, type TestEdge, testEdge } from './edge-fixture.ts';

describe('tokens', () => {
  const key = 'k'.repeat(48);
  let edge: TestEdge;
  const token = (claims: Record<string, unknown>, secret = key, expires = '5 minutes'): Promise<string> =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(expires)
      .sign(new TextEncoder().encode(secret))
      .then((text) => `Bearer ${text}`);
  beforeAll(async () => {
    edge = await testEdge({ TOKEN_KEY: key });
  });
  afterAll(() => edge.remove());

  it('are asked for everywhere but on /health', async () => {
    expect((await fetch(`${edge.url}/health`)).status).toBe(200);
    for (const path of ['/stats', '/incidents', '/models']) expect((await fetch(edge.url + path)).status).toBe(401);
    expect((await edge.post('/detect', { packets_per_second: 1 })).status).toBe(401);
  });

  it.each([
    ['signed with another key', () => token({ scope: 'ingest' }, 'x'.repeat(48))],
    ['expired', () => token({ scope: 'ingest' }, key, '-1 minute')],
    ['without a signature', async () => `Bearer ${btoa('{"alg":"none"}')}.${btoa('{"scope":"admin"}')}.`],
    ['of another scheme', async () => 'Basic YTpi'],
  ])('%s are refused with 401', async (_, make) => {
    const answer = await edge.post('/detect', { packets_per_second: 1 }, { authorization: await make() });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  it('open only what their scope names', async () => {
    const authorization = await token({ scope: 'ingest' });
    expect((await edge.post('/detect', { packets_per_second: 1 }, { authorization })).status).toBe(200);
    expect((await fetch(`${edge.url}/stats`, { headers: { authorization } })).status).toBe(403);
    expect((await edge.post('/train', '', { authorization })).status).toBe(403);
    const admin = await token({ scope: 'admin' });
    expect((await fetch(`${edge.url}/stats`, { headers: { authorization: admin } })).status).toBe(200);
  });

  it('of the key before are taken while new ones are handed out', async () => {
    const rotated = await testEdge({ TOKEN_KEY: 'n'.repeat(48), TOKEN_KEY_PREVIOUS: key });
    try {
      for (const [secret, status] of [
        ['n'.repeat(48), 200],
        [key, 200],
        ['x'.repeat(48), 401],
      ] as const) {
        const authorization = await token({ scope: 'ingest' }, secret);
        expect((await rotated.post('/detect', { packets_per_second: 1 }, { authorization })).status).toBe(status);
      }
      const expired = await token({ scope: 'ingest' }, key, '-1 minute');
      const answer = await rotated.post('/detect', { packets_per_second: 1 }, { authorization: expired });
      expect(((await answer.json()) as { detail: string }).detail).toMatch(/has expired/);
    } finally {
      await rotated.remove();
    }
  });

  it('that are revoked open nothing within a minute, and the others go on', async () => {
    const [stolen, admin] = [await token({ scope: 'ingest', host: 'web-1' }), await token({ scope: 'admin' })];
    const post = async (authorization: string): Promise<number> =>
      (await edge.post('/detect', { packets_per_second: 1 }, { authorization })).status;
    expect(await post(stolen)).toBe(200);
    const id = await tokenIdOf(stolen.slice('Bearer '.length));
    expect((await edge.post('/tokens/revoke', { id }, { authorization: stolen })).status).toBe(403);
    for (const _ of [1, 2])
      expect((await edge.post('/tokens/revoke', { id }, { authorization: admin })).status).toBe(200);
    expect((await edge.post('/tokens/revoke', { id: 'all' }, { authorization: admin })).status).toBe(400);
    await expect.poll(() => post(stolen), { timeout: 60_000, interval: 1000 }).toBe(401);
    expect(await post(admin)).toBe(200);
    const listed = await fetch(`${edge.url}/tokens/revoked`, { headers: { authorization: admin } });
    expect(await listed.json()).toMatchObject({ revoked: [{ id }] });
  });

  it('speak for their host and group only', async () => {
    const authorization = await token({ scope: 'ingest read', host: 'web-1', group: 'web' });
    const own = quietWindow({ group: 'web' });
    expect((await edge.post('/detect', { windows: [own] }, { authorization })).status).toBe(200);
    const answer = await edge.post('/detect', { windows: [own, { ...own, host: 'db-1' }] }, { authorization });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ errors: [{ path: 'windows[1].host' }] });
    expect((await edge.post('/detect', { windows: [quietWindow()] }, { authorization })).status).toBe(403);
    expect((await fetch(`${edge.url}/incidents?group=db`, { headers: { authorization } })).status).toBe(403);
    const groups = await (await fetch(`${edge.url}/groups`, { headers: { authorization } })).json();
    expect(groups).toMatchObject({ groups: [{ group: 'web' }], others: false });
    expect((await fetch(`${edge.url}/incidents/abc.db`, { headers: { authorization } })).status).toBe(403);
  });
});
