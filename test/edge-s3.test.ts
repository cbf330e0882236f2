/** An edge on an S3 server does what one on R2 does: it stores, trains, promotes and judges, and R2 stays empty. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logger } from '../cli/logger.ts';
import { EdgeServer } from '../cli/serve/server.ts';
import { movePointer, seenPointer } from '../functions/storage/current-pointer.ts';
import { modelKey } from '../functions/storage/model-keys.ts';
import { listAll } from '../functions/storage/object-store.ts';
import { S3Store } from '../functions/storage/s3-store.ts';
import { gzipLines, readWindows, writeWindows } from '../functions/storage/window-objects.ts';
import { cephMissing, createBucket, type S3Server, startCephRgw } from './ceph-rgw.ts';
import { named } from './ebpf-machine.ts';
import { quietWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { toyManifest, toyModel, version } from './model-fixture.ts';
import { storedIds } from './serve-fixture.ts';

/** Quiet, and enough to learn from. */
function tenMinutes(): ReturnType<typeof quietWindow>[] {
  const wave = (second: number, period: number): number => Math.sin((2 * Math.PI * second) / period);
  return Array.from({ length: 600 }, (_, second) =>
    quietWindow({
      start: new Date(Date.UTC(2026, 10, 20, 10, 0, second)).toISOString(),
      packets_per_second: 80 + 15 * wave(second, 37) + 5 * wave(second, 11),
      bytes_per_second: 60_000 + 9_000 * wave(second, 41),
    }),
  );
}

describe.skipIf(cephMissing)(named('an edge on S3', cephMissing), () => {
  let server: S3Server;
  let proxy: FaultProxy;
  let edge: TestEdge;
  let store: S3Store;
  beforeAll(async () => {
    server = await startCephRgw();
    const vars = await createBucket(server, 'edge');
    proxy = await startFaultProxy(server.endpoint);
    edge = await testEdge({ ...vars, STORAGE_S3_ENDPOINT: proxy.endpoint });
    const { endpoint, accessKeyId, secretAccessKey } = server;
    store = new S3Store({ endpoint, bucket: 'edge', region: 'us-east-1', accessKeyId, secretAccessKey });
  });
  afterAll(async () => {
    await edge.remove();
    await proxy.stop();
    await server.stop();
  });

  async function keysBelow(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const key of listAll(store, prefix)) keys.push(key);
    return keys;
  }

  it('windows go there, a training reads them there, and its models judge from there', async () => {
    const windows = tenMinutes();
    for (let from = 0; from < windows.length; from += 100) await edge.detect(windows.slice(from, from + 100));
    const outcome = (await (await edge.trainNow()).json()) as { version: string; promoted: boolean };
    expect(outcome).toMatchObject({ status: 'trained', promoted: true });
    expect((await keysBelow('windows/default/')).length).toBeGreaterThan(0);
    expect(await keysBelow('models/default/')).toContain(`models/default/${outcome.version}/manifest.json`);
    const live = async (): Promise<unknown> =>
      ((await (await fetch(`${edge.url}/health`)).json()) as { model_version: string }).model_version;
    await expect.poll(live, { timeout: 10_000 }).toBe(outcome.version);
    const bucket = await edge.runtime.getR2Bucket('BUCKET', 'vigia');
    expect((await bucket.list()).objects).toEqual([]);
  });

  it('a route that cannot do without storage says so while it is away, and detection goes on', async () => {
    proxy.next('GET', ...Array.from({ length: 3 }, () => ({ kind: 'answer', status: 503 }) as const));
    const answer = await fetch(`${edge.url}/models`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('10');
    expect(((await answer.json()) as { detail: string }).detail).toMatch(/^Storage failed/);
    expect(edge.logs.join('\n')).toMatch(/storage_failed.*S3 get of models\/default\/current\.json in bucket edge/);
    proxy.next('GET', ...Array.from({ length: 30 }, () => ({ kind: 'answer', status: 503 }) as const));
    expect(await edge.detect([quietWindow()])).toHaveLength(1);
    proxy.next('GET');
  });

  it('the schedule of the train Worker merges hours that are over', async () => {
    const hours = 3_600_000;
    const at = new Date(Date.now() - 3 * hours);
    const windows = Array.from({ length: 20 }, () => quietWindow({ group: 'merged' }));
    for (const window of windows)
      await writeWindows(store, 'merged', window.id, at, [gzipLines(`${JSON.stringify(window)}\n`)]);
    const train = await edge.runtime.getWorker('vigia-train');
    expect((await train.scheduled()).outcome).toBe('ok');
    const merged = (await keysBelow('windows/merged/')).filter((key) => key.endsWith('.merged.ndjson.gz'));
    expect(merged).toHaveLength(1);
    const ids: string[] = [];
    const losses = { unreadableObjects: 0, invalidLines: 0, duplicates: 0 };
    for await (const { id } of readWindows(store, merged, losses)) ids.push(id);
    expect(ids.sort()).toEqual(windows.map(({ id }) => id).sort());
    expect(edge.logs.join('\n')).toMatch(/"windows_kept","group":"merged","expired":0,"merged":1,"parts":20/);
  });

  it('a model whose bytes are not what its manifest says is refused by its hash', async () => {
    const onnx = toyModel();
    const held = version(59).replace('2026', '2099');
    const utf8 = new TextEncoder();
    await store.put(modelKey('default', held, 'zmad.onnx'), utf8.encode('other bytes').slice().buffer);
    const manifest = JSON.stringify(toyManifest(held, onnx));
    await store.put(modelKey('default', held, 'manifest.json'), utf8.encode(manifest).slice().buffer);
    const seen = await seenPointer(store, 'default');
    expect(await movePointer(store, 'default', held, seen, new Date())).toBe(true);
    const health = async (): Promise<unknown> => (await fetch(`${edge.url}/health`)).json();
    const logs = async (): Promise<string> => {
      await edge.detect([quietWindow()]);
      return edge.logs.join('\n');
    };
    await expect.poll(logs, { timeout: 15_000 }).toMatch(/models_refused.*zmad\.onnx has SHA-256/);
    expect(await health()).toMatchObject({ model_version: seen?.version });
  });

  it('so does `vigia serve`, and its own bucket on disk stays empty', async () => {
    const vars = { ...(await createBucket(server, 'served')), STORAGE_S3_ENDPOINT: proxy.endpoint };
    const stateDir = mkdtempSync(join(tmpdir(), 'vigia-served-s3-'));
    const { endpoint, accessKeyId, secretAccessKey } = server;
    const own = new S3Store({ endpoint, bucket: 'served', region: 'us-east-1', accessKeyId, secretAccessKey });
    const keys = async (prefix: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const key of listAll(own, prefix)) found.push(key);
      return found;
    };
    const served = await EdgeServer.start({
      ...{ host: '127.0.0.1', port: 0, stateDir, tls: null, vars, logger: logger(), log: () => undefined },
    });
    try {
      const windows = tenMinutes();
      const headers = { 'content-type': 'application/json' };
      for (let from = 0; from < windows.length; from += 100) {
        const body = JSON.stringify({ windows: windows.slice(from, from + 100) });
        expect((await fetch(`${served.url}/detect`, { method: 'POST', headers, body })).status).toBe(200);
      }
      await expect.poll(() => keys('windows/default/'), { timeout: 25_000 }).not.toEqual([]);
      await served.run('train');
      const live = async (): Promise<unknown> =>
        ((await (await fetch(`${served.url}/health`)).json()) as { model_version: string | null }).model_version;
      await expect.poll(live, { timeout: 10_000 }).not.toBeNull();
      expect(await keys('models/default/')).toContain(`models/default/${await live()}/manifest.json`);
      expect(() => storedIds(stateDir)).toThrow('no bucket');
    } finally {
      await served.stop();
      rmSync(stateDir, { recursive: true, force: true });
    }
  });
});
