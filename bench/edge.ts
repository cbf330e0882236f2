/** Detect in workerd, by `vigia up` and by `vigia serve`, beside the Flask stand-in: windows a second, latency, cold start, in one run. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startEdge } from '../cli/edge.ts';
import { logger } from '../cli/logger.ts';
import { EdgeServer } from '../cli/serve/server.ts';
import { normalTraffic } from '../models/training/injected-attacks.ts';
import { flatScript, type Load, load, windowsScript } from './wrk.ts';

const PEER = fileURLToPath(new URL('../../shared/peers/flask-detector', import.meta.url));
const PEER_PORT = 5055;
const EDGE_PORT = 8799;
const ROUNDS = 2;
const SECONDS = 6;

interface Row {
  what: string;
  windowsPerSecond: number;
  p50_ms: number;
  p99_ms: number;
  max_ms: number;
}

async function answers(url: string, within_ms: number): Promise<void> {
  const deadline = Date.now() + within_ms;
  for (;;) {
    const answer = await fetch(url).catch((error: unknown) =>
      error instanceof Error ? error : new Error(String(error)),
    );
    if (answer instanceof Response && answer.ok) return;
    if (Date.now() > deadline) throw new Error(`${url} did not answer within ${within_ms} ms`, { cause: answer });
    await sleep(50);
  }
}

async function peer<T>(use: () => Promise<T>): Promise<T> {
  const gunicorn = spawn(
    '/usr/bin/python3',
    ['/usr/bin/gunicorn', '-b', `127.0.0.1:${PEER_PORT}`, 'app:app', '--workers', '2', '--threads', '4'],
    { cwd: PEER, env: { ...process.env, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' }, stdio: 'ignore' },
  );
  try {
    await answers(`http://127.0.0.1:${PEER_PORT}/health`, 60_000);
    return await use();
  } finally {
    gunicorn.kill('SIGTERM');
  }
}

async function measure(what: string, url: string, script: string, windows: number): Promise<Row> {
  const runs: Load[] = [];
  for (let round = 0; round < ROUNDS; round++) runs.push(await load(url, script, SECONDS));
  const best = runs.reduce((a, b) => (a.requestsPerSecond > b.requestsPerSecond ? a : b));
  return {
    what,
    windowsPerSecond: Math.round(best.requestsPerSecond * windows),
    p50_ms: best.p50_ms,
    p99_ms: best.p99_ms,
    max_ms: best.max_ms,
  };
}

const peerScript = (windows: number): string =>
  flatScript().replace(/wrk\.body = \[==\[(.*)\]==\]/, (_, body: string) =>
    windows === 1 ? `wrk.body = [==[${body}]==]` : `wrk.body = [==[[${Array(windows).fill(body).join(',')}]]==]`,
  );

async function trained(url: string): Promise<void> {
  const windows = normalTraffic(400, 1).map((measured, second) => ({
    id: `normal:${second}`,
    host: 'bench',
    interface: 'eth0',
    start: new Date(Date.UTC(2026, 0, 1) + 1000 * second).toISOString(),
    duration_s: 1,
    ...measured,
  }));
  for (let i = 0; i < windows.length; i += 100) {
    const answer = await fetch(`${url}/detect`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ windows: windows.slice(i, i + 100) }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }
  const answer = await fetch(`${url}/train`, { method: 'POST' });
  if (!answer.ok) throw new Error(await answer.text());
  const deadline = Date.now() + 20_000;
  for (;;) {
    const health = (await (await fetch(`${url}/health`)).json()) as { models_trained: Record<string, boolean> };
    if (Object.values(health.models_trained).every(Boolean)) return;
    if (Date.now() > deadline) throw new Error('the models did not go live');
    await sleep(200);
  }
}

/** The same by `vigia serve`. */
async function served(): Promise<Row[]> {
  const stateDir = await mkdtemp(join(tmpdir(), 'vigia-bench-'));
  const settings = { host: '127.0.0.1', port: EDGE_PORT, stateDir, tls: null, vars: {} };
  const server = await EdgeServer.start({ ...settings, logger: logger(), log: () => undefined });
  try {
    await trained(server.url);
    return [
      await measure('vigia serve, flat object', `${server.url}/detect`, flatScript(), 1),
      await measure('vigia serve, 1 window a post, stored', `${server.url}/detect`, windowsScript(1), 1),
      await measure('vigia serve, 100 windows a post, stored', `${server.url}/detect`, windowsScript(100), 100),
    ];
  } finally {
    await server.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}

export async function benchmark(): Promise<unknown> {
  const rows: Row[] = [];
  const state = await mkdtemp(join(tmpdir(), 'vigia-bench-'));
  const edge = await startEdge({ port: EDGE_PORT, stateDir: state });
  try {
    await answers(`${edge.url}/health`, 10_000);
    await trained(edge.url);
    await edge.stop();
  } finally {
    await edge.stop();
  }

  const warm = performance.now();
  const again = await startEdge({ port: EDGE_PORT, stateDir: state });
  let firstScored_ms = 0;
  try {
    const ready_ms = performance.now() - warm;
    const first = performance.now();
    const answer = await fetch(`${again.url}/detect`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ packets_per_second: 82, unique_ports: 5, bytes_per_second: 61_234 }),
    });
    const verdict = (await answer.json()) as { model_scores: Record<string, number> };
    if (Object.keys(verdict.model_scores).length === 0)
      throw new Error('the first answer after a start was not scored by a model');
    firstScored_ms = Math.round(performance.now() - first);
    console.log(
      `cold start: serving after ${Math.round(ready_ms)} ms; first scored answer after another ${firstScored_ms} ms`,
    );
    rows.push(await measure('vigia up, flat object', `${again.url}/detect`, flatScript(), 1));
    rows.push(await measure('vigia up, 1 window a post, stored', `${again.url}/detect`, windowsScript(1), 1));
    rows.push(await measure('vigia up, 100 windows a post, stored', `${again.url}/detect`, windowsScript(100), 100));
  } finally {
    await again.stop();
    await rm(state, { recursive: true, force: true });
  }

  rows.push(...(await served()));

  if (existsSync(PEER)) {
    await peer(async () => {
      const url = `http://127.0.0.1:${PEER_PORT}/detect`;
      rows.push(await measure('Flask stand-in, 1 window a post', url, peerScript(1), 1));
      rows.push(await measure('Flask stand-in, 100 windows a post', url, peerScript(100), 100));
    });
  } else {
    console.log(`the peer is not here (${PEER}): its rows are left out`);
  }
  console.table(rows);
  return { cold_first_scored_ms: firstScored_ms, rows };
}
