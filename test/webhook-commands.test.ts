/** `vigia webhooks` against the edge that ships, as an operator types it. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointView } from '../contract/webhook-endpoint.ts';
import { type Receiver, scanWindow, type TestEdge, testEdge, webhookReceiver } from './edge-fixture.ts';

const TOKEN_KEY = 'k'.repeat(48);
const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');

let edge: TestEdge;
let receiver: Receiver;
let folder: string;
let admin: string;

beforeAll(async () => {
  receiver = await webhookReceiver();
  folder = await mkdtemp(join(tmpdir(), 'vigia-webhook-commands-'));
  edge = await testEdge({ TOKEN_KEY, WEBHOOK_ALLOW_PRIVATE: 'true', WEBHOOK_URL: `${receiver.url}/default` });
  admin = await new SignJWT({ scope: 'admin' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1 hour')
    .sign(new TextEncoder().encode(TOKEN_KEY));
  await writeFile(join(folder, 'admin.token'), admin);
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
    await edge.detect([scanWindow('192.0.2.3', { group: 'shop' })], { authorization: `Bearer ${admin}` });
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
    // The endpoint of WEBHOOK_URL may be told of the incident above meanwhile.
    const bodies = receiver.deliveries.map(({ body }) => JSON.parse(body) as object);
    expect(bodies).toContainEqual(expect.objectContaining({ blocks: expect.any(Array) }));
    expect(bodies).toContainEqual(expect.objectContaining({ routing_key: 'R'.repeat(32), event_action: 'trigger' }));
  });
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
