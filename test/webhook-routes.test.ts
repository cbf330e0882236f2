/** The routes and the command of webhook endpoints, on the edge that ships: who may do what, and what is told. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Problem } from '../contract/problem.ts';
import { type EndpointView, endpointView } from '../contract/webhook-endpoint.ts';
import { type Receiver, scanWindow, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';

const TOKEN_KEY = 'k'.repeat(48);
const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');

let edge: TestEdge;
let receiver: Receiver;
let folder: string;
const tokens = { admin: '', read: '', web: '' };

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
  await writeFile(join(folder, 'admin.token'), tokens.admin);
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

async function ask(
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${edge.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
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

describe('vigia webhooks', () => {
  const vigia = async (...args: string[]): Promise<{ stdout: string; code: number; stderr: string }> => {
    const line = [VIGIA, 'webhooks', ...args, '--to', edge.url, '--token-file', join(folder, 'admin.token')];
    try {
      return { ...(await promisify(execFile)(process.execPath, line)), code: 0 };
    } catch (error) {
      return error as { stdout: string; code: number; stderr: string };
    }
  };

  it('adds, tests, rotates, gives up, replays and removes', async () => {
    const { stdout: secret } = await vigia(
      'add',
      'soc',
      '--url',
      receiver.url,
      '--groups',
      'shop',
      '--min-level',
      'low',
    );
    expect(secret).toMatch(/^whsec_\S+\n$/);
    expect((await vigia('test', 'soc')).stdout).toBe('soc took the test\n');
    const [test] = receiver.deliveries;
    const headers = Object.fromEntries(Object.entries(test?.headers ?? {}).map(([key, value]) => [key, String(value)]));
    expect(new Webhook(secret.trim()).verify(test?.body ?? '', headers)).toMatchObject({ type: 'webhook.test' });
    expect((await vigia('rotate', 'soc')).stdout).toMatch(/^whsec_\S+\n$/);

    receiver.answerWith(500);
    await edge.detect([scanWindow('192.0.2.3', { group: 'shop' })], { authorization: `Bearer ${tokens.admin}` });
    await expect
      .poll(async () => (await vigia('list')).stdout, { timeout: 10_000 })
      .toMatch(/soc .*failing since .*500.*1 waiting/);
    const failed = await vigia('test', 'soc');
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain('soc did not take the test: the receiver answered 500');
    expect((await vigia('disable', 'soc')).stdout).toMatch(/disabled, 0 waiting, 1 dead/);
    const { stdout: letters } = await vigia('dead', 'soc');
    expect(letters).toMatch(/^msg_\w+ {2}threat\.detected \S+\.shop .*the receiver answered 500\n$/);

    receiver.answerWith(204);
    receiver.deliveries.length = 0;
    expect((await vigia('replay', 'soc')).code).toBe(2);
    expect((await vigia('enable', 'soc')).stdout).toContain('low and above, group shop');
    expect((await vigia('replay', 'soc', letters.split(' ')[0] ?? '')).stdout).toBe('1 on their way again\n');
    expect((await receiver.received(1))[0]?.headers['webhook-id']).toBe(letters.split(' ')[0]);
    expect((await vigia('remove', 'soc')).stdout).toMatch(/^soc is removed/);
  });

  it('says in words what was refused, by the edge or before it was asked', async () => {
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await vigia(...args);
      expect([code, stdout]).toEqual([2, '']);
      return stderr;
    };
    expect(await refused('test', 'gone')).toMatch(
      /^vigia: \S+\/test answers 404 Not found: There is no endpoint "gone"/,
    );
    expect(await refused('rotate', 'default')).toMatch(/answers 409 Conflict: .*WEBHOOK_URL/);
    expect(await refused('add', 'soc', '--url', 'ftp://hooks.example.com')).toMatch(/answers 400 .*\n {2}url: .*http/);
    expect(await refused('add', 'No Id', '--url', receiver.url, '--types', 'rain')).toMatch(
      /^vigia: No Id cannot be added:\n {2}id: must be lower case .*\n {2}filter\.threat_types\[0\]: .*port_scan.*\n$/,
    );
    expect(await refused('add', 'oncall', '--format', 'pagerduty')).toMatch(
      /\n {2}routing_key: must be the 32 letters/,
    );
  });

  it('answers programs in JSON', async () => {
    const { stdout } = await vigia('add', 'machine', '--url', receiver.url, '--json');
    expect(JSON.parse(stdout)).toEqual({ id: 'machine', secret: expect.stringMatching(/^whsec_/) });
    const listed = JSON.parse((await vigia('list', '--json')).stdout) as { endpoints: EndpointView[] };
    expect(listed.endpoints.map(({ id }) => id)).toContain('machine');
    expect(JSON.parse((await vigia('test', 'machine', '--json')).stdout)).toEqual({ delivered: true, error: null });
    expect(JSON.parse((await vigia('remove', 'machine', '--json')).stdout)).toEqual({ status: 'removed', dropped: 0 });
  });

  it('takes a URL and a key from files, which stand in no list of processes', async () => {
    await writeFile(join(folder, 'pagerduty.key'), `${'R'.repeat(32)}\n`);
    await writeFile(join(folder, 'slack.url'), `${receiver.url}/T0/B0/x\n`);
    const key = join(folder, 'pagerduty.key');
    expect(await vigia('add', 'chat', '--format', 'slack', '--url-file', join(folder, 'slack.url'))).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(
      await vigia(
        'add',
        'oncall',
        '--format',
        'pagerduty',
        '--url',
        receiver.url,
        '--routing-key-file',
        key,
        '--min-level',
        'high',
      ),
    ).toMatchObject({ code: 0, stdout: '' });
    for (const id of ['chat', 'oncall']) expect((await vigia('test', id)).code).toBe(0);
    const [chat, oncall] = receiver.deliveries.map(({ body }) => JSON.parse(body) as object);
    expect(chat).toHaveProperty('blocks');
    expect(oncall).toMatchObject({ routing_key: 'R'.repeat(32), event_action: 'trigger' });
  });
});

it('what the edge keeps, secrets too, is for its user alone', async () => {
  const fresh = await testEdge({}, join(folder, 'state'));
  try {
    expect((await stat(fresh.stateDir)).mode & 0o777).toBe(0o700);
  } finally {
    await fresh.stop();
  }
});

it('docs/webhooks.md names commands that exist', async () => {
  const text = await readFile(join(import.meta.dirname, '../docs/webhooks.md'), 'utf8');
  const lines = [...text.matchAll(/^npx vigia (webhooks \w+.*)$/gm)].map(([, line = '']) => line);
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) {
    const [, name = ''] = line.split(' ');
    const { stdout: help } = await promisify(execFile)(process.execPath, [VIGIA, 'webhooks', name, '--help']);
    for (const [option] of line.matchAll(/--[\w-]+/g)) expect(help).toContain(option);
  }
});
