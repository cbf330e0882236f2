/** The S3 driver where the way to the server is bad: slow, overloaded, cut, answers lost, a clock that is wrong. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { movePointer, readPointer } from '../functions/storage/current-pointer.ts';
import type { S3Settings } from '../functions/storage/s3-settings.ts';
import { S3Store } from '../functions/storage/s3-store.ts';
import { cephMissing, createBucket, type S3Server, startCephRgw } from './ceph-rgw.ts';
import { named } from './ebpf-machine.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { version } from './model-fixture.ts';
import { storeInWorkerd } from './store-in-workerd.ts';

const bytesOf = (text: string): ArrayBuffer => new TextEncoder().encode(text).slice().buffer;
const LOST = { kind: 'lose answer' } as const;
const UNAVAILABLE = { kind: 'answer', status: 503 } as const;

describe.skipIf(cephMissing)(named('the S3 driver', cephMissing), () => {
  let server: S3Server;
  let proxy: FaultProxy;
  let vars: Awaited<ReturnType<typeof createBucket>>;
  let store: S3Store;

  function storeOf(changed: Partial<S3Settings> = {}): S3Store {
    return new S3Store({
      endpoint: proxy.endpoint,
      bucket: 'faults',
      region: 'us-east-1',
      accessKeyId: vars.STORAGE_S3_ACCESS_KEY_ID ?? '',
      secretAccessKey: vars.STORAGE_S3_SECRET_ACCESS_KEY ?? '',
      attemptTimeoutMs: 500,
      ...changed,
    });
  }

  beforeAll(async () => {
    server = await startCephRgw();
    vars = await createBucket(server, 'faults');
    proxy = await startFaultProxy(server.endpoint);
    // The server makes its pool at the first put, which takes seconds.
    await storeOf({ attemptTimeoutMs: 20_000 }).put('first', bytesOf('x'));
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  });
  beforeEach(() => {
    store = storeOf();
    proxy.seen.length = 0;
  });

  describe('an answer that does not come', () => {
    it('is asked for again: overloaded, then slow, then there', async () => {
      await store.put('again', bytesOf('x'));
      proxy.next('GET', UNAVAILABLE, { kind: 'delay', ms: 2_000 });
      expect(await store.get('again')).toMatchObject({ bytes: bytesOf('x') });
      expect(proxy.seen).toEqual(['PUT', 'GET', 'GET', 'GET']);
    });

    it('is an error after three attempts, which names the operation, the key and the status', async () => {
      proxy.next('GET', ...Array.from({ length: 9 }, () => UNAVAILABLE));
      const failure = store.get('never');
      await expect(failure).rejects.toMatchObject({
        name: 'StorageError',
        operation: 'get',
        key: 'never',
        status: 503,
      });
      expect(proxy.seen).toHaveLength(3);
      proxy.next('GET');
    });

    it('is an error within the time limit of each attempt', async () => {
      proxy.next('GET', ...Array.from({ length: 9 }, () => ({ kind: 'delay', ms: 5_000 }) as const));
      const began = Date.now();
      await expect(store.list({ prefix: 'slow/' })).rejects.toThrow(
        /S3 list of slow\/ in bucket faults at .*no whole answer within 500 ms; tried 3 times/,
      );
      expect(Date.now() - began).toBeLessThan(3_500);
      proxy.next('GET');
    });

    it('is an error at once where nobody listens, with the remedy', async () => {
      const nowhere = storeOf({ endpoint: 'http://127.0.0.1:9' });
      await expect(nowhere.get('x')).rejects.toThrow(/ECONNREFUSED|bad port.*see whether STORAGE_S3_ENDPOINT answers/);
    });
  });

  describe('a body that is not whole', () => {
    it('that was cut is read again, and never handed over in part', async () => {
      const bytes = bytesOf('0123456789'.repeat(1_000));
      await store.put('cut', bytes);
      proxy.next('GET', { kind: 'cut' });
      expect(await store.get('cut')).toMatchObject({ bytes });
      proxy.next('GET', ...Array.from({ length: 9 }, () => ({ kind: 'cut' }) as const));
      await expect(store.get('cut')).rejects.toMatchObject({ name: 'StorageError', code: 'AttemptError', key: 'cut' });
      proxy.next('GET');
    });

    it('with a wrong byte is refused by its hash', async () => {
      await store.put('corrupt', bytesOf('model'));
      proxy.next('GET', { kind: 'corrupt' });
      await expect(store.get('corrupt')).rejects.toMatchObject({ code: 'HashMismatch', key: 'corrupt' });
    });
  });

  describe('a conditional put whose answer is lost', () => {
    it('was won where its own object stands there', async () => {
      proxy.next('PUT', LOST);
      const etag = await store.put('lost/won', bytesOf('mine'), { ifAbsent: true });
      expect(proxy.seen.slice(0, 2)).toEqual(['PUT', 'PUT']);
      expect(await store.get('lost/won')).toEqual({ bytes: bytesOf('mine'), etag });
      proxy.next('PUT', LOST, LOST, LOST);
      const next = await store.put('lost/won', bytesOf('mine again'), { ifMatch: etag ?? '' });
      expect(await store.get('lost/won')).toEqual({ bytes: bytesOf('mine again'), etag: next });
    });

    it("was lost where another's stands there, even of the same bytes", async () => {
      await store.put('lost/other', bytesOf('same'));
      proxy.next('PUT', LOST);
      expect(await store.put('lost/other', bytesOf('same'), { ifAbsent: true })).toBeNull();
    });

    it('of two promotions at once leaves one winner who knows it', async () => {
      proxy.next('PUT', LOST, LOST);
      const at = new Date('2026-11-20T12:00:00Z');
      const moved = await Promise.all([1, 2].map((n) => movePointer(store, 'web', version(n), null, at)));
      expect(moved.filter(Boolean)).toHaveLength(1);
      expect(await readPointer(store, 'web')).toMatchObject({ pointer: { version: version(moved[0] ? 1 : 2) } });
    });

    it('that never reached the server is an error, not a lost race', async () => {
      proxy.next('PUT', ...Array.from({ length: 9 }, () => UNAVAILABLE));
      const failure = store.put('lost/never', bytesOf('x'), { ifAbsent: true });
      await expect(failure).rejects.toMatchObject({ operation: 'put', status: 503 });
      proxy.next('PUT');
    });
  });

  it('all of it in workerd as well', async () => {
    const inWorkerd = await storeInWorkerd({ ...vars, STORAGE_S3_ENDPOINT: proxy.endpoint });
    try {
      const bytes = bytesOf('0123456789'.repeat(1_000));
      proxy.next('PUT', UNAVAILABLE, LOST);
      const etag = await inWorkerd.put('workerd', bytes, { ifAbsent: true });
      expect(proxy.seen.slice(0, 3)).toEqual(['PUT', 'PUT', 'PUT']);
      proxy.next('GET', { kind: 'cut' }, LOST);
      expect(await inWorkerd.get('workerd')).toEqual({ bytes, etag });
      proxy.next('GET', { kind: 'corrupt' });
      await expect(inWorkerd.get('workerd')).rejects.toThrow('HashMismatch');
      proxy.next('GET', ...Array.from({ length: 3 }, () => ({ kind: 'cut' }) as const));
      await expect(inWorkerd.get('workerd')).rejects.toThrow(/StorageError: S3 get of workerd .*AttemptError/);
    } finally {
      await inWorkerd.stop();
    }
  });

  describe('a clock that is wrong', () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    it.each([-3, 3])('by %i hours is put right by the server', async (hours) => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 });
      const key = `skewed/${hours}`;
      expect(await store.put(key, bytesOf('x'), { ifAbsent: true })).not.toBeNull();
      expect(proxy.seen).toEqual(['PUT', 'PUT']);
      expect(await store.get(key)).toMatchObject({ bytes: bytesOf('x') });
      expect(proxy.seen).toEqual(['PUT', 'PUT', 'GET']);
    });
  });

  describe('what an operator set wrong', () => {
    it.each([
      [{ bucket: 'missing' }, /NoSuchBucket \(404\).*STORAGE_S3_BUCKET/],
      [{ accessKeyId: 'nobody' }, /InvalidAccessKeyId \(403\).*STORAGE_S3_ACCESS_KEY_ID/],
      [{ secretAccessKey: 'not-the-secret' }, /SignatureDoesNotMatch \(403\).*STORAGE_S3_SECRET_ACCESS_KEY/],
    ])('%o is told by its name, and the secret is not', async (changed, message) => {
      const wrong = storeOf(changed);
      const secret = 'secretAccessKey' in changed ? changed.secretAccessKey : vars.STORAGE_S3_SECRET_ACCESS_KEY;
      for (const call of [
        () => wrong.get('x'),
        () => wrong.put('x', bytesOf('x'), { ifMatch: 'x' }),
        () => wrong.list({ prefix: 'x' }),
        () => wrong.delete(['x']),
      ]) {
        const error: unknown = await call().catch((thrown: unknown) => thrown);
        expect(String(error)).toMatch(message);
        expect(String(error)).not.toContain(secret);
      }
    });
  });
});
