/** The routes of webhook endpoints, on the edge that ships: who may do what, and what is told. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Problem } from '../contract/problem.ts';
import { deadLetterPage, type EndpointView, endpointView } from '../contract/webhook-endpoint.ts';
import { apiOperations, expectDocumented, isAskedInOrder, operationOf } from './api-document.ts';
import { type Receiver, scanWindow, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';

const TOKEN_KEY = 'k'.repeat(48);

let edge: TestEdge;
let receiver: Receiver;
let folder: string;
const tokens = { admin: '', read: '', web: '' };
/** Operations that were answered with what they are for. */
const succeeded = new Set<string>();

async function tokenOf(claims: object): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1 hour')
    .sign(new TextEncoder().encode(TOKEN_KEY));
}

beforeAll(async () => {
  receiver = await webhookReceiver();
  folder = await mkdtemp(join(tmpdir(), 'vigia-webhooks-'));
  edge = await testEdge({ TOKEN_KEY, WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_URL: `${receiver.url}/default` });
  tokens.admin = await tokenOf({ scope: 'admin' });
  tokens.read = await tokenOf({ scope: 'read' });
  tokens.web = await tokenOf({ scope: 'admin', group: 'web' });
});
afterAll(async () => {
  await edge.remove();
  await receiver.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  receiver.answerWith(204);
  receiver.deliveries.length = 0;
});

/** Fails where the document knows no such answer. */
async function ask(
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; body: unknown; link: string | null }> {
  const answer = await fetch(`${edge.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const operation = operationOf(method, path);
  await expectDocumented(operation, answer.clone());
  if (answer.ok) succeeded.add(operation.operationId);
  return { status: answer.status, body: await answer.json(), link: answer.headers.get('link') };
}

const add = (token: string, id: string, fields: object = {}): ReturnType<typeof ask> =>
  ask(token, 'POST', '/webhooks', { id, format: 'ocsf', url: receiver.url, ...fields });

async function endpoints(token: string): Promise<EndpointView[]> {
  const { body } = await ask(token, 'GET', '/webhooks');
  return (body as { endpoints: unknown[] }).endpoints.map((endpoint) => endpointView.parse(endpoint));
}

describe('what is asked for', () => {
  it.each<[string, object, string]>([
    ['another scheme', { url: 'ftp://hooks.example.com' }, 'url'],
    ['no URL', { url: 'nonsense' }, 'url'],
    ['a filter that is mistyped', { filter: { min_levels: 'high' } }, 'filter'],
    ['a level that is none', { filter: { min_level: 'urgent' } }, 'filter.min_level'],
    ['a short secret', { secret: 'whsec_c2hvcnQ=' }, 'secret'],
    ['a format that is none', { format: 'teams' }, 'format'],
    ['PagerDuty without its key', { format: 'pagerduty' }, 'routing_key'],
    ['the name of the environment', { id: 'default' }, 'id'],
  ])('%s is refused with the field at fault', async (_, fields, path) => {
    const { status, body } = await add(tokens.admin, 'wrong', fields);
    expect(status).toBe(400);
    expect((body as Problem).errors?.map((error) => error.path)).toContain(path);
  });

  it('is done for the scope admin alone', async () => {
    for (const [method, path] of [
      ['POST', '/webhooks'],
      ['PATCH', '/webhooks/default'],
      ['DELETE', '/webhooks/default'],
      ['POST', '/webhooks/default/test'],
      ['POST', '/webhooks/default/rotate'],
      ['POST', '/webhooks/default/dead/replay'],
      ['POST', '/webhooks/replay'],
    ] as const)
      expect((await ask(tokens.read, method, path, {})).status).toBe(403);
    expect((await endpoints(tokens.read)).map(({ id }) => id)).toEqual(['default']);
    expect((await ask(tokens.read, 'GET', '/webhooks/default/dead')).status).toBe(200);
  });
});

it('the endpoint of the environment is changed there, but filtered, disabled and tested here', async () => {
  for (const [method, path, body] of [
    ['DELETE', '/webhooks/default', undefined],
    ['POST', '/webhooks/default/rotate', undefined],
    ['PATCH', '/webhooks/default', { url: receiver.url }],
  ] as const) {
    const answer = await ask(tokens.admin, method, path, body);
    expect(answer.status).toBe(409);
    expect((answer.body as Problem).detail).toContain('WEBHOOK_URL');
  }
  expect((await ask(tokens.admin, 'POST', '/webhooks/default/test')).body).toEqual({ delivered: true, error: null });
  expect((await ask(tokens.admin, 'PATCH', '/webhooks/default', { enabled: false })).body).toMatchObject({
    enabled: false,
  });
  const health = (await (await fetch(`${edge.url}/health`)).json()) as { webhook: string };
  expect(health.webhook).toBe('1 of 1 endpoints are disabled');
});

it('who holds a token of one group has endpoints of that group, and sees no other', async () => {
  expect((await add(tokens.web, 'of-db', { filter: { groups: ['db'] } })).status).toBe(403);
  expect((await add(tokens.web, 'of-web')).status).toBe(201);
  expect(await endpoints(tokens.web)).toMatchObject([{ id: 'of-web', filter: { groups: ['web'] } }]);
  expect((await ask(tokens.web, 'PATCH', '/webhooks/of-web', { filter: { groups: [] } })).body).toMatchObject({
    filter: { groups: ['web'] },
  });
  expect((await ask(tokens.web, 'POST', '/webhooks/default/test')).status).toBe(404);
  const bearer = { authorization: `Bearer ${tokens.admin}` };
  await edge.detect([scanWindow('192.0.2.1', { group: 'db' }), scanWindow('192.0.2.2', { group: 'web' })], bearer);
  await receiver.received(1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(receiver.deliveries.map(({ body }) => (JSON.parse(body) as { incident_id: string }).incident_id)).toEqual([
    expect.stringMatching(/\.web$/),
  ]);
  expect((await ask(tokens.web, 'DELETE', '/webhooks/of-web')).status).toBe(200);
});

it('an endpoint is added, changed, tested, given up on and told again, each as the document says', async () => {
  expect((await add(tokens.admin, 'soc', { filter: { groups: ['life'] } })).status).toBe(201);
  expect((await add(tokens.admin, 'soc')).status).toBe(409);
  expect((await ask(tokens.read, 'GET', '/v1/webhooks/soc')).body).toMatchObject({ id: 'soc', secrets: 1 });
  expect((await ask(tokens.admin, 'POST', '/webhooks/soc/rotate')).status).toBe(200);
  receiver.answerWith(500);
  expect((await ask(tokens.admin, 'POST', '/webhooks/soc/test')).body).toMatchObject({ delivered: false });
  const scans = [1, 2, 3, 4].map((n) => scanWindow(`192.0.2.${n}`, { group: 'life', host: `web-${n}` }));
  await edge.detect(scans, { authorization: `Bearer ${tokens.admin}` });
  const waiting = async (): Promise<number> =>
    endpointView.parse((await ask(tokens.read, 'GET', '/webhooks/soc')).body).waiting;
  await expect.poll(waiting, { timeout: 10_000 }).toBeGreaterThanOrEqual(4);
  const { dead } = (await ask(tokens.admin, 'PATCH', '/webhooks/soc', { enabled: false })).body as EndpointView;

  const messages: string[] = [];
  for (let path: string | undefined = '/v1/webhooks/soc/dead?limit=2'; path !== undefined; ) {
    const { body, link } = await ask(tokens.read, 'GET', path);
    const page = deadLetterPage.parse(body);
    messages.push(...page.dead.map(({ message }) => message));
    path = /^<(.*)>; rel="next"$/.exec(link ?? '')?.[1];
    expect(path === undefined).toBe(page.next === null);
    expect(page.dead.length).toBeGreaterThan(0);
  }
  expect(messages).toHaveLength(dead);
  expect(new Set(messages).size).toBe(dead);
  expect((await ask(tokens.read, 'GET', '/webhooks/soc/dead?cursor=msg_1')).status).toBe(400);

  const replay = `/webhooks/soc/dead/${messages[0]}/replay`;
  expect((await ask(tokens.admin, 'POST', replay)).status).toBe(409);
  receiver.answerWith(204);
  expect((await ask(tokens.admin, 'PATCH', '/webhooks/soc', { enabled: true })).status).toBe(200);
  expect((await ask(tokens.admin, 'POST', replay)).body).toEqual({ replayed: 1 });
  expect((await ask(tokens.admin, 'POST', replay)).status).toBe(404);
  expect((await ask(tokens.admin, 'POST', '/webhooks/soc/dead/replay')).body).toEqual({ replayed: dead - 1 });
  await receiver.received(dead);
  expect((await ask(tokens.admin, 'DELETE', '/webhooks/soc')).body).toMatchObject({ status: 'removed' });
  expect((await ask(tokens.read, 'GET', '/webhooks/soc/dead')).status).toBe(404);

  const inOrder = apiOperations.filter(isAskedInOrder).map(({ operationId }) => operationId);
  expect(inOrder.length).toBeGreaterThan(5);
  expect(inOrder.filter((name) => !succeeded.has(name))).toEqual([]);
});

it('what the edge keeps, secrets too, is for its user alone', async () => {
  const fresh = await testEdge({}, join(folder, 'state'));
  try {
    expect((await stat(fresh.stateDir)).mode & 0o777).toBe(0o700);
  } finally {
    await fresh.stop();
  }
});
