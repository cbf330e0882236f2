/** Webhooks under `vigia serve`: a name that resolves to an address of the inside network is refused before anything connects. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Serving, serveAmong } from './serve-fixture.ts';

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

/** Of this machine, by a name that looks like any other's. */
const INSIDE = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses?.map(({ address }) => address) ?? [])
  .filter((address) => ['loopback', 'private', 'uniqueLocal'].includes(ipaddr.parse(address).range()))
  .map((address, index) => ({ address, name: `hook-${index}.vigia.example` }));

let folder: string;
let hosts: string;
let listener: Server;
let serving: Serving | null = null;
let connections = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-serve-webhooks-'));
  hosts = join(folder, 'hosts');
  writeFileSync(hosts, INSIDE.map(({ address, name }) => `${address} ${name}\n`).join(''));
  // No TLS is needed to see whether anything connects.
  listener = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, resolve));
});
beforeEach(() => {
  connections = 0;
});
afterEach(() => serving?.stop());
afterAll(() => {
  listener.close();
  rmSync(folder, { recursive: true, force: true });
});

async function post(path: string, body: object): Promise<{ status: number; answer: unknown }> {
  const answer = await fetch(`${serving?.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, answer: await answer.json() };
}

/** Makes an endpoint at each of the names, and sends it a test. */
async function tested(): Promise<unknown[]> {
  const { port } = listener.address() as AddressInfo;
  const answers: unknown[] = [];
  for (const [index, { name }] of INSIDE.entries()) {
    const made = await post('/webhooks', { id: `e-${index}`, format: 'ocsf', url: `https://${name}:${port}/` });
    expect(made.status).toBe(201);
    answers.push((await post(`/webhooks/e-${index}/test`, {})).answer);
  }
  return answers;
}

describe(`a name of an inside address${canMount ? '' : ' [skipped: needs root, to make one]'}`, () => {
  it.runIf(canMount).each([
    ['one process', []],
    ['several processes', ['--processes', '2']],
  ])('is refused with %s, its owner is told why, and nothing connects', async (_, args) => {
    serving = await serveAmong(hosts, ['--state', join(folder, `strict-${args.length}`), ...args], {});
    for (const answer of await tested())
      expect(answer).toMatchObject({ delivered: false, error: expect.stringContaining('private address') });
    expect(connections).toBe(0);
  });

  it.runIf(canMount)('is reached where WEBHOOK_ALLOW_PRIVATE is true', async () => {
    serving = await serveAmong(hosts, ['--state', join(folder, 'open')], { WEBHOOK_ALLOW_PRIVATE: 'true' });
    await tested();
    expect(connections).toBeGreaterThanOrEqual(INSIDE.length);
  });
});
