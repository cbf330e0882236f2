/** The embedded edge serves, tells what it is and what it lacks, and leaves nothing behind. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPATIBILITY_DATE, WORKERS } from '../cli/edge/bundle-workers.ts';
import { startEdge } from '../cli/edge.ts';
import { result } from '../contract/result.ts';
import { VERSION } from '../contract/version.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

describe('an edge without models', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge();
  });
  afterAll(() => edge.remove());

  it('names a port scan in one flat object', async () => {
    const answer = await edge.post('/detect', { packets_per_second: 1200, unique_ports: 50 });
    expect(answer.status).toBe(200);
    expect(result.parse(await answer.json()).threat_types).toContain('port_scan');
  });

  it('answers a batch in order, each result with the identity of its window', async () => {
    const windows = [quietWindow(), scanWindow('192.0.2.7'), quietWindow()];
    const results = await edge.detect(windows);
    expect(results.map((item) => item.window?.id)).toEqual(windows.map((window) => window.id));
    expect(results.map((item) => item.threat_detected)).toEqual([false, true, false]);
    expect(results[1]?.attacking_ips).toEqual(['192.0.2.7']);
  });

  it('takes auth and network windows in one batch', async () => {
    const { interface: _, ...identity } = quietWindow();
    const results = await edge.detect([
      { ...identity, total_attempts: 400, failed_attempts: 390, unique_source_ips: 1 },
      quietWindow(),
    ]);
    expect(results.map((item) => item.detection_type)).toEqual(['authentication', 'network']);
  });

  it('takes one window a line, also gzipped', async () => {
    const lines = [quietWindow(), quietWindow()].map((window) => `${JSON.stringify(window)}\n`).join('');
    const answer = await edge.post('/detect', gzipSync(lines), {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
    });
    expect(((await answer.json()) as { results: unknown[] }).results).toHaveLength(2);
  });

  it('answers a repeated batch with the same bytes', async () => {
    const post = (): Promise<string> =>
      edge.post('/detect', { windows: [window] }, { 'idempotency-key': 'k-1' }).then((answer) => answer.text());
    const window = quietWindow();
    expect(await post()).toBe(await post());
  });

  it('gives a window without a group to "default", as the schema does', async () => {
    const { group: _, ...window } = quietWindow();
    expect((await edge.detect([window]))[0]?.window?.group).toBe('default');
  });

  it('says in /health that nothing is trained and no webhook is set', async () => {
    const health = (await (await fetch(`${edge.url}/health`)).json()) as Record<string, unknown>;
    expect(health).toMatchObject({
      status: 'ok',
      service: 'vigia',
      models_trained: { spatial: false, temporal: false, statistical: false },
      model_version: null,
    });
    expect(health.webhook).toMatch(/not configured/);
  });

  it('classifies strings, one or a list, and bounds them', async () => {
    const one = await edge.post('/classify_username', { username: 'ls -la' });
    expect(await one.json()).toMatchObject({ username_text: 'ls -la', n_gram_analysis: true });
    const list = (await (await edge.post('/classify_username', { usernames: ['root', 'x'] })).json()) as unknown[];
    expect(list).toHaveLength(2);
    expect((await edge.post('/classify_username', { usernames: Array(1001).fill('a') })).status).toBe(413);
    expect((await edge.post('/classify_username', { username: 'a'.repeat(257) })).status).toBe(400);
    expect((await edge.post('/classify_username', { username: 5 })).status).toBe(400);
  });

  it('never logs a string that it classified', async () => {
    await edge.post('/classify_username', { username: 'Tr0ub4dor&3' });
    expect(edge.logs.join('\n')).not.toContain('Tr0ub4dor');
  });
});

describe('a deployment that lacks something', () => {
  it.each([
    ['a signing key', { EMBEDDED: 'false' }, /wrangler secret put TOKEN_KEY/],
    ['a long enough key', { TOKEN_KEY: 'short' }, /shorter than 32/],
    ['a threshold that is a number', { JITTER_MS: 'much' }, /JITTER_MS/],
  ])('%s serves nothing and says what to do', async (_, vars, remedy) => {
    const edge = await testEdge(vars);
    try {
      const answer = await edge.post('/detect', { packets_per_second: 1 });
      expect(answer.status).toBe(503);
      expect(((await answer.json()) as { detail: string }).detail).toMatch(remedy);
      const health = await fetch(`${edge.url}/health`);
      expect(health.status).toBe(503);
      expect(await health.json()).toMatchObject({ status: 'misconfigured', detail: expect.stringMatching(remedy) });
    } finally {
      await edge.remove();
    }
  });

  it('an edge open to the network without a key does not start', async () => {
    await expect(startEdge({ port: 0, host: '0.0.0.0', stateDir: tmpdir() })).rejects.toThrow(/TOKEN_KEY/);
  });
});

describe('processes', () => {
  const running = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] !== 'Z';
    } catch {
      return false;
    }
  };

  it('a port in use is told before anything starts', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(startEdge({ port, stateDir: tmpdir() })).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use`);
    server.close();
  });

  it('a killed parent takes workerd along', async () => {
    const state = mkdtempSync(join(tmpdir(), 'vigia-edge-'));
    const script = `import { startEdge } from '${ROOT}cli/edge.ts';
      import { workerdChildren } from '${ROOT}cli/edge/watchdog.ts';
      await startEdge({ port: 0, stateDir: '${state}' });
      console.log(workerdChildren().join(' '));`;
    const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids = line.toString().trim().split(' ').map(Number);
    expect(pids.length).toBeGreaterThan(0);
    expect(pids.every(running)).toBe(true);
    parent.kill('SIGKILL');
    const deadline = Date.now() + 5000;
    while (pids.some(running) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(pids.filter(running)).toEqual([]);
    rmSync(state, { recursive: true, force: true });
  });
});

describe('deployment', () => {
  it('the release that /health names is the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(VERSION).toBe(version);
  });

  const configs = {
    vigia: 'wrangler.toml',
    'vigia-train': 'functions/train/wrangler.toml',
    'vigia-classify': 'functions/classify/wrangler.toml',
  };

  it.each(
    Object.entries(configs),
  )('%s passes a dry run of wrangler, from the entry point that is tested here', (name, file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    expect(text).toContain(`name = "${name}"`);
    expect(text).toContain(`compatibility_date = "${COMPATIBILITY_DATE}"`);
    const main = /main = "(.*)"/.exec(text)?.[1] ?? '';
    expect(join(file, '..', main)).toBe(WORKERS[name as keyof typeof WORKERS]);
    const out = mkdtempSync(join(tmpdir(), 'vigia-deploy-'));
    const printed = execFileSync(
      join(ROOT, 'node_modules/.bin/wrangler'),
      ['deploy', '--dry-run', '-c', file, '--outdir', out],
      {
        cwd: ROOT,
        encoding: 'utf8',
        env: { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false' },
      },
    );
    rmSync(out, { recursive: true, force: true });
    expect(printed).toContain('--dry-run: exiting now');
  });
});
