/** Limits by address under `vigia serve` without a proxy in front: the socket tells who asks, and no client can say otherwise. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Serving, serve, TOKEN_KEY, token } from './serve-fixture.ts';

let folder: string;
let running: Serving[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-serve-limits-'));
});
afterEach(async () => {
  for (const serving of running) await serving.stop();
  running = [];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let states = 0;
async function started(args: string[], vars: Record<string, string>): Promise<string> {
  const serving = await serve([...args, '--state', join(folder, `state-${states++}`)], { TOKEN_KEY, ...vars });
  running.push(serving);
  return serving.url.replace('0.0.0.0', '127.0.0.1').replace('[::]', '127.0.0.1');
}

/** Over a connection of its own, from an address of loopback, and as another by what the client says. */
function ask(url: string, from: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false, localAddress: from, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

let forged = 0;
const asAnother = (): Record<string, string> => {
  const address = `198.51.100.${forged++ % 250}`;
  return { 'cf-connecting-ip': address, 'x-forwarded-for': address, 'x-real-ip': address };
};
const times = async <Answer>(count: number, once: () => Promise<Answer>): Promise<Answer[]> => {
  const answers: Answer[] = [];
  for (let i = 0; i < count; i++) answers.push(await once());
  return answers;
};

describe.each([
  ['one process', ['--host', '127.0.0.1'], 1],
  ['several processes', ['--host', '0.0.0.0', '--processes', '2'], 2],
  ['a socket of IPv6, which takes IPv4 too', ['--host', '::'], 1],
] as const)('with %s', (_, args, isolates) => {
  it('an address that asks too often or fails too often gets 429, whoever it says that it is', async () => {
    const url = await started([...args], { RATE_LIMIT_PER_ADDRESS: '1', RATE_LIMIT_FAILED_LOGINS: '4' });
    const good = { authorization: `Bearer ${await token('read')}` };
    // No process lets through more than 4 and what a minute gives; each counts by itself, and chance leads connections to them.
    const guesses = await times(9 * isolates, () =>
      ask(`${url}/stats`, '127.0.0.2', { ...asAnother(), authorization: `Bearer guess${forged}` }),
    );
    expect(guesses[0]).toBe(401);
    expect(guesses.filter((status) => status === 401).length).toBeLessThanOrEqual(6 * isolates);
    expect(guesses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1);
    expect(await ask(`${url}/stats`, '127.0.0.3', { ...asAnother(), ...good })).toBe(200);
    // 10 at once and one a second.
    const greedy = await times(60, () => ask(`${url}/health`, '127.0.0.4', asAnother()));
    expect(greedy).toContain(429);
    expect(await ask(`${url}/health`, '127.0.0.5', asAnother())).toBe(200);
  });
});

it('a token that was let in goes on behind an address that failed too often, also where tokens have no limit', async () => {
  const url = await started([], { RATE_LIMIT_PER_TOKEN: '0', RATE_LIMIT_FAILED_LOGINS: '3' });
  const [good, late] = [`Bearer ${await token('read')}`, `Bearer ${await token('read admin')}`];
  const withToken = (authorization: string) => () => ask(`${url}/stats`, '127.0.0.2', { authorization });
  expect(await withToken(good)()).toBe(200);
  expect(await times(6, withToken('Bearer guess'))).toContain(429);
  expect(await withToken(late)()).toBe(429);
  expect(await withToken(good)()).toBe(200);
});

it('a proxy that is named tells the address, and who comes past it is known by the socket', async () => {
  const url = await started([], { RATE_LIMIT_FAILED_LOGINS: '3', CLIENT_ADDRESS_HEADER: 'X-Real-IP' });
  const proxied = (address: string) => () => ask(`${url}/stats`, '127.0.0.2', { 'x-real-ip': address });
  expect(await times(6, proxied('203.0.113.1'))).toContain(429);
  expect(await proxied('203.0.113.2')()).toBe(401);
  expect(await times(6, () => ask(`${url}/stats`, '127.0.0.3', { 'cf-connecting-ip': '203.0.113.3' }))).toContain(429);
});
