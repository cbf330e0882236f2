/** The edge without Cloudflare: real workerd under its supervisor, over TLS, reloaded and killed under load. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from './certificates.ts';
import { quietWindow } from './edge-fixture.ts';
import { loadUntil, type Serving, serve, storedIds, TOKEN_KEY, token, workerdOf } from './serve-fixture.ts';

let folder: string;
let running: Serving[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-serve-test-'));
});
afterEach(async () => {
  for (const serving of running) await serving.stop();
  running = [];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let states = 0;
async function started(args: string[] = [], vars: Record<string, string> = {}): Promise<Serving & { state: string }> {
  const state = args.includes('--state')
    ? (args[args.indexOf('--state') + 1] ?? '')
    : join(folder, `state-${states++}`);
  const serving = await serve(args.includes('--state') ? args : [...args, '--state', state], vars);
  running.push(serving);
  return { ...serving, state };
}

const post = (url: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

describe('who may ask', () => {
  it('beyond loopback nothing is served without a TOKEN_KEY', async () => {
    await expect(serve(['--host', '0.0.0.0', '--state', join(folder, 'open')])).rejects.toThrow(
      /exit 2[\s\S]*without a TOKEN_KEY[\s\S]*Set TOKEN_KEY/,
    );
  });

  it('with one, a token is asked for', async () => {
    const { url } = await started(['--host', '0.0.0.0'], { TOKEN_KEY });
    const local = url.replace('0.0.0.0', '127.0.0.1');
    const body = { windows: [quietWindow()] };
    expect((await post(local, '/detect', body)).status).toBe(401);
    const answer = await post(local, '/detect', body, { authorization: `Bearer ${await token('ingest')}` });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ results: [{ threat_detected: false }] });
    expect(
      (
        await post(
          local,
          '/classify_username',
          { username: 'root' },
          { authorization: `Bearer ${await token('ingest')}` },
        )
      ).status,
    ).toBe(200);
  });

  it('the entry of the supervisor is not served to the outside', async () => {
    const { url } = await started();
    for (const path of ['/hold?ms=1000', '/upkeep']) expect((await post(url, path, {})).status).toBe(404);
  });
});

describe('TLS', () => {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const issue = (name: string, serial: string): void => {
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      '/CN=edge',
    );
    writeFileSync(at('san.cnf'), 'subjectAltName=IP:127.0.0.1');
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-set_serial',
      serial,
      '-days',
      '2',
      '-extfile',
      'san.cnf',
      '-out',
      `${name}.pem`,
    );
  };
  const serialOf = (url: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const ca = readFileSync(at('ca.pem'));
      requestTls(`${url}/health`, { ca, agent: false }, (answer) => {
        const serial = answer.socket instanceof TLSSocket ? answer.socket.getPeerCertificate().serialNumber : 'no TLS';
        resolve(`${answer.statusCode} ${serial}`);
        answer.resume();
      })
        .on('error', reject)
        .end();
    });

  it('is served with a certificate of an own CA, renewed by SIGHUP, and kept where the new one is no good', async () => {
    selfSigned(at('ca'), 'test CA');
    issue('edge', '0x0A');
    const serving = await started(['--tls-cert', at('edge.pem'), '--tls-key', at('edge.key')]);
    expect(serving.url).toMatch(/^https:/);
    expect(await serialOf(serving.url)).toBe('200 0A');
    await expect(fetch(`${serving.url}/health`)).rejects.toThrow(); // a CA that the system does not know

    writeFileSync(at('edge.pem'), 'no certificate');
    serving.process.kill('SIGHUP');
    expect(await serving.logged('reload_failed')).toMatchObject({ message: expect.stringContaining('edge.pem') });
    expect(await serialOf(serving.url)).toBe('200 0A');

    issue('edge', '0x0B');
    serving.process.kill('SIGHUP');
    await serving.logged('reloaded');
    expect(await serialOf(serving.url)).toBe('200 0B');
  });

  it('wants both files', async () => {
    await expect(serve(['--tls-cert', at('edge.pem')])).rejects.toThrow(/exit 2[\s\S]*both --tls-cert and --tls-key/);
  });
});

describe('a restart', () => {
  it('under load loses no request, and stores every window once', async () => {
    const serving = await started();
    const before = workerdOf(serving.process.pid);
    const reloads = (async () => {
      for (let reload = 1; reload <= 2; reload++) {
        await new Promise((resolve) => setTimeout(resolve, 700));
        serving.process.kill('SIGHUP');
        await serving.logged('reloaded', reload);
      }
    })();
    const { acknowledged, failures } = await loadUntil(serving.url, reloads);
    expect(failures).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(300);
    expect(workerdOf(serving.process.pid)).toHaveLength(1);
    expect(workerdOf(serving.process.pid)).not.toEqual(before);
    expect((await post(serving.url, '/train', {})).status).toBe(200); // writes the buffer out first
    expect(storedIds(serving.state).sort()).toEqual(acknowledged.sort());
  });

  it.each([
    ['SIGTERM'],
    ['SIGHUP'],
  ] as const)('lets a request finish whose body is still coming (%s)', async (signal) => {
    const serving = await started();
    const { port } = new URL(serving.url);
    const body = JSON.stringify({ packets_per_second: 1200, unique_ports: 50 });
    const socket = connect(Number(port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(
      `POST /detect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    serving.process.kill(signal);
    await serving.logged('draining');
    await new Promise((resolve) => setTimeout(resolve, 500));
    socket.write(body);
    await closed;
    expect(answer).toMatch(/^HTTP\/1.1 200 OK[\s\S]*Connection: close[\s\S]*port_scan/);
    if (signal === 'SIGTERM') expect(await serving.exited).toBe(0);
  });

  it('after kill -9 of workerd loses nothing that was acknowledged, and twice over', async () => {
    const serving = await started();
    const kills = (async () => {
      for (let kill = 1; kill <= 2; kill++) {
        await new Promise((resolve) => setTimeout(resolve, 700));
        const [pid] = workerdOf(serving.process.pid);
        process.kill(pid ?? 0, 'SIGKILL');
        await serving.logged('workerd_started', kill);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    })();
    const { acknowledged, failures } = await loadUntil(serving.url, kills);
    expect(failures.length).toBeGreaterThan(0); // what was under way
    expect(acknowledged.length).toBeGreaterThan(100);
    expect((await post(serving.url, '/train', {})).status).toBe(200);
    const stored = storedIds(serving.state);
    expect(new Set(stored).size).toBe(stored.length);
    expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([]);
  });

  it('of a supervisor that was killed finds no workerd of it left', async () => {
    const serving = await started();
    const [pid] = workerdOf(serving.process.pid);
    await expect(serve(['--state', serving.state])).rejects.toThrow(/Another vigia serve runs on/);
    serving.process.kill('SIGKILL');
    await expect.poll(() => workerdIs(pid ?? 0), { timeout: 5_000 }).toBe(false);
    const again = await started(['--state', serving.state]);
    expect((await fetch(`${again.url}/health`)).status).toBe(200);
  });
});

it('the unit is exposed to little, by the measure of systemd, and leaves SIGTERM to the supervisor', () => {
  const unit = fileURLToPath(new URL('../infra/vigia-edge.service', import.meta.url));
  const text = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], {
    encoding: 'utf8',
  });
  expect(Number(/exposure level for \S+ ([\d.]+)/.exec(text)?.[1])).toBeLessThanOrEqual(1.6);
  expect(readFileSync(unit, 'utf8')).toMatch(/^KillMode=mixed$/m);
});

function workerdIs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
