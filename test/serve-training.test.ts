/** What cron does on Cloudflare, `vigia serve` does by its own timetable: it trains every group and keeps storage in order. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { logger } from '../cli/logger.ts';
import { EdgeServer } from '../cli/serve/server.ts';
import { nextTraining, nextUpkeep, runAt } from '../cli/serve/timetable.ts';
import { normalTraffic } from '../models/training/injected-attacks.ts';
import { storedIds } from './serve-fixture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

let stateDir: string;
let server: EdgeServer;
const logs: Record<string, unknown>[] = [];
beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'vigia-serve-training-'));
  server = await EdgeServer.start({
    host: '127.0.0.1',
    port: 0,
    stateDir,
    tls: null,
    vars: {},
    logger: logger(),
    log: (line) => logs.push(JSON.parse(line)),
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

const health = async (): Promise<{ model_version: string | null }> =>
  (await (await fetch(`${server.url}/health`)).json()) as { model_version: string | null };

it('trains every group on what is stored, and judges by the models a few seconds later, and after a restart', async () => {
  const windows = normalTraffic(400, 1).map((measured, second) => ({
    id: `normal:${second}`,
    host: 'web-1',
    interface: 'eth0',
    start: new Date(Date.UTC(2026, 10, 20, 10, 0, second)).toISOString(),
    duration_s: 1,
    ...measured,
  }));
  for (let from = 0; from < windows.length; from += 100) {
    const body = JSON.stringify({ windows: windows.slice(from, from + 100) });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${server.url}/detect`, { method: 'POST', headers, body })).status).toBe(200);
  }
  // The timetable trains the groups that have windows in storage: the buffer writes within 15 s of the first.
  await expect.poll(() => storedIds(stateDir).length, { timeout: 25_000 }).toBe(windows.length);
  expect((await health()).model_version).toBeNull();
  await server.run('train');
  expect(logs).toContainEqual(
    expect.objectContaining({ event: 'training', group: 'default', status: 'trained', promoted: true }),
  );
  await expect.poll(async () => (await health()).model_version, { timeout: 10_000 }).not.toBeNull();
  const { model_version } = await health();
  await server.reload();
  await expect.poll(async () => (await health()).model_version, { timeout: 10_000 }).toBe(model_version);
});

it('keeps storage in order', async () => {
  await server.run('upkeep');
  expect(logs.filter(({ event }) => event === 'storage_not_kept')).toEqual([]);
});

it('has the times of each wrangler.toml', () => {
  const cronOf = (file: string): string => /crons = \["(.*)"\]/.exec(readFileSync(join(root, file), 'utf8'))?.[1] ?? '';
  const at = (time: string): number => Date.parse(`2026-11-21T${time}Z`);
  // The hours after the first are for what a Queue may lose; here there is none.
  expect(cronOf('wrangler.toml')).toBe('17 3-6 * * *');
  expect(nextTraining(at('03:16:59'))).toBe(at('03:17:00'));
  expect(nextTraining(at('03:17:00'))).toBe(at('03:17:00') + 86_400_000);
  expect(cronOf('functions/train/wrangler.toml')).toBe('*/20 * * * *');
  expect(nextUpkeep(at('10:19:59'))).toBe(at('10:20:00'));
  expect(nextUpkeep(at('10:20:00'))).toBe(at('10:40:00'));
});

it('runs a job at each of its times, until it is ended', async () => {
  let runs = 0;
  const end = runAt(
    (now) => now + 30,
    async () => {
      runs++;
      if (runs === 2) throw new Error('failed');
    },
  );
  await expect.poll(() => runs).toBeGreaterThan(3);
  end();
  const before = runs;
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(runs).toBe(before);
});
