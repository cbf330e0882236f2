/** Where a run stores: an S3 server behind a proxy that can refuse, or the disk of `vigia serve`, which cannot. */

import { listAll } from '../../functions/storage/object-store.ts';
import { readS3Settings } from '../../functions/storage/s3-settings.ts';
import { S3Store } from '../../functions/storage/s3-store.ts';
import { gunzip } from '../../functions/storage/window-objects.ts';
import { cephMissing, createBucket, startCephRgw } from '../../test/ceph-rgw.ts';
import { startFaultProxy } from '../../test/fault-proxy.ts';
import { storedIds } from '../../test/serve-fixture.ts';

export interface RunStorage {
  readonly vars: Record<string, string>;
  /** Refuses every request, or serves again; null where it cannot be away. */
  readonly setDown: ((down: boolean) => void) | null;
  /** Ids of all windows that stand there, as often as they do. */
  ids(): Promise<string[]>;
}

/** Far more than come in an outage. */
const REFUSALS = 100_000;
const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'];

export async function withS3<T>(use: (storage: RunStorage) => Promise<T>): Promise<T> {
  if (cephMissing !== '') throw new Error(`storage cannot be taken away: ${cephMissing}`);
  const server = await startCephRgw();
  const proxy = await startFaultProxy(server.endpoint);
  try {
    const direct = await createBucket(server, 'ledger');
    const settings = readS3Settings(direct);
    if (settings === null) throw new Error('the server was started without its variables');
    const store = new S3Store(settings);
    return await use({
      vars: { ...direct, STORAGE_S3_ENDPOINT: proxy.endpoint },
      setDown: (down) => {
        const refusals = Array.from({ length: down ? REFUSALS : 0 }, () => ({ kind: 'answer', status: 503 }) as const);
        for (const method of METHODS) proxy.next(method, ...refusals);
      },
      ids: async () => {
        const ids: string[] = [];
        for await (const key of listAll(store, 'windows/')) {
          const object = await store.get(key);
          if (object === null || object === 'unchanged') throw new Error(`${key} went while it was read`);
          const lines = new TextDecoder().decode(gunzip(new Uint8Array(object.bytes))).split('\n');
          for (const line of lines) if (line !== '') ids.push((JSON.parse(line) as { id: string }).id);
        }
        return ids;
      },
    });
  } finally {
    await proxy.stop();
    await server.stop();
  }
}

export function onDisk<T>(stateDir: string, use: (storage: RunStorage) => Promise<T>): Promise<T> {
  return use({ vars: {}, setDown: null, ids: async () => storedIds(stateDir) });
}
