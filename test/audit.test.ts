/** The trail of who did what: a line for whatever changes something, whoever asked and however it ended, and no secret in it. */
import { type ClientRequest, createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenIdOf } from '../contract/token.ts';
import { apiOperations } from './api-document.ts';
import { scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';

const KEY = 'k'.repeat(48);
const ADDRESS = '203.0.113.7';
const PRIVILEGED = apiOperations.filter(({ security }) =>
  security.some(({ token = [] }) => token.includes('admin') || token.includes('train')),
);

interface Line {
  readonly event: string;
  readonly operation: string;
  readonly path: string;
  readonly status: number;
}

let edge: TestEdge;
const tokens: string[] = [];

beforeAll(async () => {
  edge = await testEdge({ TOKEN_KEY: KEY, CLIENT_ADDRESS_HEADER: 'X-Real-IP', WEBHOOK_ALLOW_PRIVATE: 'true' });
});
afterAll(() => edge.remove());

async function tokenOf(claims: object): Promise<string> {
  const token = await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1 hour')
    .sign(new TextEncoder().encode(KEY));
  tokens.push(token);
  return token;
}

function ask(token: string | null, method: string, path: string, body?: object): Promise<Response> {
  const headers = {
    'x-real-ip': ADDRESS,
    ...(token !== null && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  };
  return fetch(`${edge.url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

const lines = (): Line[] => edge.logs.map((line): Line => JSON.parse(line)).filter(({ event }) => event === 'audit');

/** Of a request to this path, once it is there. */
async function lineOf(path: string): Promise<Line | undefined> {
  const find = (): Line | undefined => lines().findLast((line) => line.path === path);
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  return find();
}

describe('a line of the log', () => {
  it('tells of a change what it was, who made it, for which group, and how it ended', async () => {
    const admin = await tokenOf({ scope: 'admin' });
    const id = await tokenIdOf(await tokenOf({ scope: 'read' }));
    expect((await ask(admin, 'POST', '/v1/tokens/revoke', { id })).status).toBe(200);
    const who = { token_id: await tokenIdOf(admin), address: ADDRESS, level: 'info' };
    expect(await lineOf('/v1/tokens/revoke')).toMatchObject({
      ...who,
      operation: 'revokeToken',
      method: 'POST',
      group: null,
      status: 200,
    });

    expect((await ask(admin, 'POST', '/models/rollback?group=web', {})).status).toBe(409);
    expect(await lineOf('/models/rollback')).toMatchObject({
      ...who,
      operation: 'rollBackModels',
      group: 'web',
      status: 409,
    });

    await edge.detect([scanWindow('192.0.2.7')], { authorization: `Bearer ${admin}` });
    const { incidents } = (await (await ask(admin, 'GET', '/incidents')).json()) as { incidents: { id: string }[] };
    const path = `/incidents/${incidents[0]?.id}`;
    expect((await ask(admin, 'PATCH', path, { state: 'acknowledged' })).status).toBe(200);
    expect(await lineOf(path)).toMatchObject({ ...who, method: 'PATCH', group: 'default', status: 200 });
  });

  it('tells also of what a token may not, and of nobody without one', async () => {
    const [read, web] = [await tokenOf({ scope: 'read' }), await tokenOf({ scope: 'admin', group: 'web' })];
    expect((await ask(null, 'DELETE', '/maintenance/nobody')).status).toBe(401);
    expect((await ask(read, 'DELETE', '/maintenance/reader')).status).toBe(403);
    expect(await lineOf('/maintenance/reader')).toMatchObject({ token_id: await tokenIdOf(read), status: 403 });
    expect((await ask(web, 'DELETE', '/maintenance/other?group=db')).status).toBe(403);
    expect(await lineOf('/maintenance/other')).toMatchObject({ group: 'db', status: 403 });
    expect((await ask(web, 'DELETE', '/maintenance/own')).status).toBe(404);
    expect(await lineOf('/maintenance/own')).toMatchObject({ group: 'web', status: 404 });
    expect(lines().some(({ path }) => path === '/maintenance/nobody')).toBe(false);
  });

  it('is written for every operation that needs train or admin, and for no other', async () => {
    const admin = await tokenOf({ scope: 'admin' });
    const before = lines().length;
    for (const { method, path } of apiOperations)
      if (path !== '/incidents/stream')
        await (await ask(admin, method, path.replace(/\{\w+\}/g, 'none.default'))).body?.cancel();
    await lineOf('/tokens/revoke');
    await expect.poll(() => lines().length - before).toBeGreaterThanOrEqual(PRIVILEGED.length);
    const told = lines().slice(before);
    expect(told.map(({ operation }) => operation).sort()).toEqual(PRIVILEGED.map((one) => one.operationId).sort());
    expect(PRIVILEGED.length).toBeGreaterThan(15);
  });

  it('holds no secret: no token, no key, no secret of a webhook, not even where somebody puts one in the path', async () => {
    const admin = await tokenOf({ scope: 'admin' });
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const url = 'https://hooks.example.com/services/T0/B0/tr0ub4dor';
    expect((await ask(admin, 'POST', '/webhooks', { id: 'audited', format: 'ocsf', url, secret })).status).toBe(201);
    const rotated = (await (await ask(admin, 'POST', '/webhooks/audited/rotate')).json()) as { secret: string };
    await ask(admin, 'DELETE', `/webhooks/${admin}?token=${admin}`);
    await ask(admin, 'DELETE', '/webhooks/audited');
    await lineOf('/webhooks/audited');
    const log = edge.logs.join('\n');
    expect(lines().some(({ path }) => path.endsWith('…'))).toBe(true);
    for (const hidden of [...tokens, ...tokens.map((token) => token.split('.')[2]), KEY, secret, rotated.secret, url])
      expect(log).not.toContain(hidden);
  });
});

describe('a client that does not wait', () => {
  let receiver: Server;
  let held: ServerResponse | null = null;
  beforeAll(async () => {
    receiver = createServer((_, answer) => {
      held = answer;
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    receiver.closeAllConnections();
    receiver.close();
  });

  it('is told of all the same', async () => {
    const authorization = `Bearer ${await tokenOf({ scope: 'admin' })}`;
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const made = await edge.post('/webhooks', { id: 'slow', format: 'ocsf', url }, { authorization });
    expect(made.status).toBe(201);
    const asked: ClientRequest = request(`${edge.url}/webhooks/slow/test`, {
      method: 'POST',
      headers: { authorization },
    });
    asked.on('error', () => undefined).end();
    await expect.poll(() => held, { timeout: 10_000 }).not.toBeNull();
    const gone = new Promise((resolve) => asked.once('close', resolve));
    asked.socket?.resetAndDestroy();
    await gone;
    expect(lines().some(({ path }) => path === '/webhooks/slow/test')).toBe(false);
    // Whoever hears of the end of the connection has to have heard of it by then.
    await (await fetch(`${edge.url}/health`)).body?.cancel();
    held?.writeHead(204).end();
    expect(await lineOf('/webhooks/slow/test')).toMatchObject({ operation: 'testEndpoint' });
  });
});
