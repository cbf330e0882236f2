/** While storage is away windows gather in the buffer up to its bound, and /metrics tells how far that is. */
import { globSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quietWindow, type TestEdge, testEdge } from './edge-fixture.ts';

/** A sample of the page, NaN where it is not there. */
async function sample(edge: TestEdge, series: string): Promise<number> {
  const answer = await fetch(`${edge.url}/metrics`);
  expect(answer.status).toBe(200);
  const line = (await answer.text()).split('\n').find((text) => text.startsWith(`${series} `));
  return Number(line?.slice(series.length));
}

const PENDING = 'ml_detector_window_buffer_pending_characters{group="default"}';
const FAILURES = 'ml_detector_window_flush_failures_total{group="default"}';
const REFUSED = 'ml_detector_window_posts_refused_total{group="default"}';

describe('while storage is away', () => {
  let server: Server;
  let edge: TestEdge;
  const vars = (): Record<string, string> => ({
    STORAGE_S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    STORAGE_S3_BUCKET: 'away',
    STORAGE_S3_ACCESS_KEY_ID: 'id',
    STORAGE_S3_SECRET_ACCESS_KEY: 'secret',
  });
  beforeAll(async () => {
    server = createServer((_, response) => response.writeHead(503).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    edge = await testEdge(vars());
  });
  afterAll(async () => {
    await edge.remove();
    server.closeAllConnections();
    server.close();
  });

  it('what waits and what failed is in /metrics, which answers all the same, and the windows that rules alone judged', async () => {
    await edge.detect([quietWindow()]);
    const one = await sample(edge, PENDING);
    expect(one).toBeGreaterThan(200);
    // From 2 MiB on it is written at once.
    for (let post = 0; post < 8; post++) await edge.detect(Array.from({ length: 1000 }, () => quietWindow()));
    expect(await sample(edge, PENDING)).toBeGreaterThan(8000 * one * 0.9);
    expect(await sample(edge, 'ml_detector_windows_by_rules_alone_total{group="default"}')).toBeGreaterThan(0);
    expect(await sample(edge, REFUSED)).toBeNaN();
    await expect.poll(() => sample(edge, FAILURES), { timeout: 50_000, interval: 500 }).toBeGreaterThan(0);
  });

  it('what the schedule of the train Worker could not do is counted', async () => {
    const train = await edge.runtime.getWorker('vigia-train');
    expect((await train.scheduled()).outcome).toBe('ok');
    expect(await sample(edge, 'ml_detector_upkeep_failures_total')).toBe(2);
  });

  it('past 256 MiB posts are refused, counted, and nothing of them is kept', async () => {
    await edge.stop();
    const buffer = globSync(join(edge.stateDir, '**/*.sqlite')).flatMap((file) => {
      const database = new DatabaseSync(file);
      if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'batches'").get() !== undefined) return database;
      database.close();
      return [];
    });
    expect(buffer).toHaveLength(1);
    buffer[0]?.exec(
      `INSERT INTO batches (group_name, ids, gzipped, characters) VALUES ('default', 'full', x'00', ${2 ** 28})`,
    );
    buffer[0]?.close();
    edge = await testEdge(vars(), edge.stateDir);
    const full = await sample(edge, PENDING);
    expect(full).toBeGreaterThan(2 ** 28);
    for (let post = 1; post <= 2; post++) {
      const answer = await edge.post('/detect', { windows: [quietWindow()] });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '30']);
      expect(await sample(edge, REFUSED)).toBe(post);
    }
    expect(await sample(edge, PENDING)).toBe(full);
  });
});

it('what a training cannot read, and a message that is none of ours, are counted', async () => {
  const edge = await testEdge();
  try {
    const hour = new Date().toISOString().slice(0, 13).replace(/[-T]/g, '/');
    const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
    await bucket.put(`windows/default/${hour}/broken.ndjson.gz`, 'no gzip');
    expect((await edge.trainNow()).status).toBe(422);
    const lost = (what: string) => sample(edge, `ml_detector_training_losses_total{group="default",what="${what}"}`);
    expect([await lost('unreadable_objects'), await lost('invalid_lines')]).toEqual([1, 0]);
    await (await edge.runtime.getQueueProducer('TRAINING_QUEUE', 'vigia')).send({ colour: 'red' });
    const foreign = () => sample(edge, 'ml_detector_queue_foreign_messages_total');
    await expect.poll(foreign, { timeout: 20_000 }).toBe(1);
  } finally {
    await edge.remove();
  }
});
