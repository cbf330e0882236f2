/** Every driver of object storage keeps the same promises: R2, S3 and the disk in workerd, S3 against Ceph. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAll, listFolders, type ObjectStore, type PutCondition } from '../functions/storage/object-store.ts';
import { readS3Settings } from '../functions/storage/s3-settings.ts';
import { cephMissing, createBucket, type S3Server, startCephRgw } from './ceph-rgw.ts';
import { named } from './ebpf-machine.ts';
import { MemoryStore } from './memory-store.ts';
import { type StoreInWorkerd, storeInWorkerd } from './store-in-workerd.ts';

const bytesOf = (text: string): ArrayBuffer => new TextEncoder().encode(text).slice().buffer;
const textOf = async (store: ObjectStore, key: string): Promise<string | null> => {
  const object = await store.get(key);
  return object === null || object === 'unchanged' ? null : new TextDecoder().decode(object.bytes);
};

async function keysOf(listed: AsyncIterable<string>): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of listed) keys.push(key);
  return keys;
}

let server: S3Server | undefined;
const running: StoreInWorkerd[] = [];
beforeAll(async () => {
  if (cephMissing === '') server = await startCephRgw();
});
afterAll(async () => {
  for (const store of running) await store.stop();
  await server?.stop();
});

async function inWorkerd(vars: Record<string, string>, own?: 'r2' | 'disk'): Promise<ObjectStore> {
  const store = await storeInWorkerd(vars, own);
  running.push(store);
  return store;
}

const DRIVERS: Record<string, () => Promise<ObjectStore>> = {
  R2: () => inWorkerd({}),
  S3: async () => inWorkerd(server === undefined ? {} : await createBucket(server, 'contract')),
  disk: () => inWorkerd({}, 'disk'),
  'the store of the tests': async () => new MemoryStore(),
};

for (const [driver, open] of Object.entries(DRIVERS)) {
  const reason = driver === 'S3' ? cephMissing : '';
  describe.skipIf(reason)(named(driver, reason), () => {
    let store: ObjectStore;
    beforeAll(async () => {
      store = await open();
    });

    it('gives back what was put, byte for byte', async () => {
      const every = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256).buffer;
      for (const [key, bytes] of [
        ['bytes/every', every],
        ['bytes/of several rows', Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251).buffer],
        ['bytes/none', new ArrayBuffer(0)],
        ['bytes/name with space+plus=', bytesOf('x')],
      ] as const) {
        const etag = await store.put(key, bytes);
        expect(await store.get(key)).toEqual({ bytes, etag });
      }
      expect(await store.get('bytes/never put')).toBeNull();
    });

    it('says that an object is unchanged, by its etag', async () => {
      const first = await store.put('changing', bytesOf('1'));
      expect(await store.get('changing', first ?? '')).toBe('unchanged');
      const second = await store.put('changing', bytesOf('2'));
      expect(second).not.toBe(first);
      expect(await store.get('changing', first ?? '')).toMatchObject({ etag: second });
      await store.delete(['changing']);
      expect(await store.get('changing', second ?? '')).toBeNull();
    });

    it('puts where nothing stands only where nothing stands', async () => {
      expect(await store.put('new', bytesOf('first'), { ifAbsent: true })).not.toBeNull();
      expect(await store.put('new', bytesOf('second'), { ifAbsent: true })).toBeNull();
      expect(await textOf(store, 'new')).toBe('first');
    });

    it('puts onto the version that was seen only', async () => {
      const first = (await store.put('seen', bytesOf('1'))) ?? '';
      const second = (await store.put('seen', bytesOf('2'), { ifMatch: first })) ?? '';
      expect(await store.put('seen', bytesOf('3'), { ifMatch: first })).toBeNull();
      expect(await textOf(store, 'seen')).toBe('2');
      await store.delete(['seen']);
      expect(await store.put('seen', bytesOf('4'), { ifMatch: second })).toBeNull();
      expect(await textOf(store, 'seen')).toBeNull();
    });

    it.each(['ifAbsent', 'ifMatch'])('of many puts on one condition one wins (%s)', async (kind) => {
      const key = `race/${kind}`;
      const condition: PutCondition =
        kind === 'ifMatch' ? { ifMatch: (await store.put(key, bytesOf('old'))) ?? '' } : { ifAbsent: true };
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, async (_, i) => [i, await store.put(key, bytesOf(String(i)), condition)] as const),
      );
      const winners = outcomes.filter(([, etag]) => etag !== null);
      expect(winners).toHaveLength(1);
      expect(await store.get(key)).toEqual({ bytes: bytesOf(String(winners[0]?.[0])), etag: winners[0]?.[1] });
    });

    it('lists in order, by pages, after a key and by folders', async () => {
      const keys = ['a/1', 'a/2', 'b/1', 'b/2/x', 'c'].map((name) => `list/${name}`);
      for (const key of keys.toReversed()) await store.put(key, bytesOf(key));
      expect(await keysOf(listAll(store, 'list/'))).toEqual(keys);
      expect(await keysOf(listAll(store, 'list/', 'list/a/2'))).toEqual(keys.slice(2));
      expect(await keysOf(listAll(store, 'list/a/'))).toEqual(keys.slice(0, 2));
      expect(await listFolders(store, 'list/')).toEqual(['a', 'b']);
      const first = await store.list({ prefix: 'list/', limit: 2 });
      expect(first.keys).toEqual(keys.slice(0, 2));
      const second = await store.list({ prefix: 'list/', limit: 2, cursor: first.cursor });
      expect(second.keys).toEqual(keys.slice(2, 4));
      expect(await store.list({ prefix: 'list/', limit: 2, cursor: second.cursor })).toMatchObject({
        keys: keys.slice(4),
        cursor: undefined,
      });
      expect(await store.list({ prefix: 'nothing/' })).toEqual({ keys: [], prefixes: [], cursor: undefined });
    });

    it('lists and deletes more than one call takes', async () => {
      const keys = Array.from({ length: 1_005 }, (_, i) => `many/${String(i).padStart(5, '0')}`);
      for (let from = 0; from < keys.length; from += 50)
        await Promise.all(keys.slice(from, from + 50).map((key) => store.put(key, bytesOf('x'))));
      expect(await keysOf(listAll(store, 'many/'))).toEqual(keys);
      await store.delete([...keys, 'many/not there']);
      expect(await keysOf(listAll(store, 'many/'))).toEqual([]);
    });
  });
}

describe('a deployment', () => {
  const whole = {
    STORAGE_S3_ENDPOINT: 'https://s3.example.com',
    STORAGE_S3_BUCKET: 'vigia',
    STORAGE_S3_ACCESS_KEY_ID: 'id',
    STORAGE_S3_SECRET_ACCESS_KEY: 'secret',
  };

  it('that names no S3 server has none', () => {
    expect(readS3Settings({ STORAGE_S3_BUCKET: ' ' })).toBeNull();
    expect(readS3Settings(whole)).toMatchObject({ bucket: 'vigia', region: 'us-east-1' });
  });

  it.each(Object.keys(whole))('that lacks %s is told so', (missing) => {
    expect(() => readS3Settings({ ...whole, [missing]: '' })).toThrow(`${missing}: is missing; storage by S3 needs`);
  });

  it('whose endpoint is no URL is told so', () => {
    const settings = { ...whole, STORAGE_S3_ENDPOINT: 's3.example.com' };
    expect(() => readS3Settings(settings)).toThrow('STORAGE_S3_ENDPOINT: must be a URL such as https://');
  });

  it('that names half of an S3 server does not store in R2 instead', async () => {
    const store = await inWorkerd({ STORAGE_S3_BUCKET: 'vigia' });
    await expect(store.get('x')).rejects.toThrow('BindingsError: STORAGE_S3_ENDPOINT: is missing');
  });
});
