/** What the embedded edge does by itself, as cron would: a job that fails is told, and ends neither the edge nor its own end. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type TestEdge, testEdge } from './edge-fixture.ts';

const HOUR_MS = 3_600_000;

let storage: Server;
let edge: TestEdge;
/** Answers what storage is asked; it waits for ever by default. */
let status: number | null = null;
let asked = 0;

beforeEach(async () => {
  [status, asked] = [null, 0];
  storage = createServer((_, response) => {
    asked++;
    if (status !== null) response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  await once(storage, 'listening');
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  edge = await testEdge({
    STORAGE_S3_ENDPOINT: `http://127.0.0.1:${(storage.address() as AddressInfo).port}`,
    STORAGE_S3_BUCKET: 'vigia',
    STORAGE_S3_ACCESS_KEY_ID: 'key',
    STORAGE_S3_SECRET_ACCESS_KEY: 'secret',
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await edge.remove();
  storage.closeAllConnections();
  storage.close();
});

it('a training that cannot begin is told, with the reason', async () => {
  status = 403;
  vi.advanceTimersByTime(HOUR_MS);
  const told = (): object[] =>
    edge.logs.map((line) => JSON.parse(line)).filter(({ event }) => /^(trainings_not_begun|job_failed)$/.test(event));
  await expect.poll(told, { timeout: 60_000 }).toHaveLength(2);
  expect(told()).toEqual(
    expect.arrayContaining([
      { level: 'error', event: 'trainings_not_begun', message: expect.stringMatching(/StorageError: S3 list .*403/) },
      { level: 'error', event: 'job_failed', job: 'train', answer: 'exception' },
    ]),
  );
});

it('the end of the edge may come in the middle of a job', async () => {
  const rejected = vi.fn();
  process.on('unhandledRejection', rejected);
  try {
    vi.advanceTimersByTime(HOUR_MS);
    await expect.poll(() => asked, { timeout: 60_000 }).toBeGreaterThan(0);
    await edge.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(rejected).not.toHaveBeenCalled();
    expect(edge.logs.join('\n')).not.toContain('job_failed');
  } finally {
    process.off('unhandledRejection', rejected);
  }
});
