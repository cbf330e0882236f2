/** The edge behind the nginx of docs/deploy.md: who asks is known, the stream is not held back, and a reload loses no request. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { selfSigned } from './certificates.ts';
import { quietWindow, scanWindow } from './edge-fixture.ts';
import { type Nginx, startNginx } from './nginx-proxy.ts';
import { blocksOf } from './page-blocks.ts';
import { freePort } from './prometheus-fixture.ts';
import { type Serving, serve, TOKEN_KEY, token } from './serve-fixture.ts';

const blocks = blocksOf('docs/deploy.md');
const blockOf = (language: string, words: string): string =>
  blocks.find((block) => block.language === language && block.text.includes(words))?.text ?? '';

let folder: string;
let serving: Serving;
let nginx: Nginx;
let port: number;
let ca: Buffer;
let bearer: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-behind-nginx-'));
  selfSigned(join(folder, 'edge'), 'edge', 'IP:127.0.0.1');
  ca = readFileSync(join(folder, 'edge.pem'));
  const [, name = '', value = ''] =
    /^(CLIENT_ADDRESS_HEADER)=(.*)$/m.exec(blockOf('env', 'CLIENT_ADDRESS_HEADER')) ?? [];
  serving = await serve(['--state', join(folder, 'state')], {
    TOKEN_KEY,
    [name]: value,
    RATE_LIMIT_FAILED_LOGINS: '5',
  });
  port = await freePort();
  const server = blockOf('nginx', 'proxy_pass')
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace('http://127.0.0.1:8787', serving.url)
    .replaceAll('/etc/vigia', folder);
  nginx = await startNginx(server, port);
  bearer = `Bearer ${await token('admin')}`;
});
afterAll(async () => {
  await nginx?.stop();
  await serving?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks nginx, whose answer has a head by then and maybe no end. */
function open(path: string, options: RequestOptions, body?: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...options.headers };
    const asked = request({ host: '127.0.0.1', port, path, ca, ...options, headers }, resolve);
    asked.on('error', reject).end(body && JSON.stringify(body));
  });
}

async function post(options: RequestOptions, body: object): Promise<number | undefined> {
  const answer = await open('/detect', { method: 'POST', ...options }, body);
  await answer.resume().toArray();
  return answer.statusCode;
}

it('serves over TLS, with a token', async () => {
  expect(await post({}, {})).toBe(401);
  expect(await post({ headers: { authorization: bearer } }, { windows: [quietWindow()] })).toBe(200);
});

it('tells the edge who asks, whatever a client says of itself', async () => {
  const guesses = [];
  for (let guess = 0; guess < 8; guess++)
    guesses.push(await post({ localAddress: '127.0.0.2', headers: { 'x-real-ip': `198.51.100.${guess}` } }, {}));
  expect(guesses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  expect(await post({ localAddress: '127.0.0.3' }, {})).toBe(401);
});

it('passes each incident on as it opens', async () => {
  const stream = await open('/incidents/stream', { headers: { authorization: bearer } });
  expect(stream.headers['content-type']).toBe('text/event-stream');
  let seen = '';
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  await expect.poll(() => seen, { timeout: 10_000 }).toContain('event: begin');
  expect(await post({ headers: { authorization: bearer } }, { windows: [scanWindow('192.0.2.9')] })).toBe(200);
  await expect.poll(() => seen, { timeout: 10_000 }).toContain('192.0.2.9');
  stream.on('error', () => undefined).destroy();
});

it('loses no request while the edge is replaced', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca });
  const statuses: (number | undefined)[] = [];
  let over = false;
  const loops = [1, 2, 3, 4].map(async () => {
    while (!over)
      statuses.push(await post({ agent, headers: { authorization: bearer } }, { windows: [quietWindow()] }));
  });
  await sleep(300);
  serving.process.kill('SIGHUP');
  await serving.logged('reloaded');
  const before = statuses.length;
  await expect.poll(() => statuses.length, { timeout: 10_000 }).toBeGreaterThan(before + 20);
  over = true;
  await Promise.all(loops);
  agent.destroy();
  expect([...new Set(statuses)]).toEqual([200]);
});
