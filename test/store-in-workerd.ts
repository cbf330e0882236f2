/** A driver of object storage where it will run: in workerd, opened by the variables of a deployment. */
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { bundleSource, COMPATIBILITY_DATE } from '../cli/edge/bundle-workers.ts';
import type {
  ListOptions,
  ListPage,
  ObjectStore,
  PutCondition,
  StoredObject,
} from '../functions/storage/object-store.ts';

/** Key, condition and listing travel in a header, bytes as the body. */
const WORKER = `
import { openStore } from './functions/storage/open-store.ts';
export { Bucket } from './functions/storage/bucket.ts';
let store;
export default {
  async fetch(request, env) {
    try {
      store ??= openStore(env);
      const { operation, key, knownEtag, condition, options, keys } = JSON.parse(decodeURIComponent(request.headers.get('call')));
      if (operation === 'get') {
        const object = await store.get(key, knownEtag);
        if (object === null || object === 'unchanged') return Response.json(object);
        return new Response(object.bytes, { headers: { etag: object.etag } });
      }
      if (operation === 'put') return Response.json(await store.put(key, await request.arrayBuffer(), condition));
      if (operation === 'list') return Response.json(await store.list(options));
      return Response.json((await store.delete(keys)) ?? null);
    } catch (error) {
      return new Response(error.name + ': ' + error.message, { status: 500 });
    }
  },
};`;

export interface StoreInWorkerd extends ObjectStore {
  stop(): Promise<void>;
}

/** @param vars without any the store is `own`: R2, or the disk */
export async function storeInWorkerd(
  vars: Record<string, string> = {},
  own: 'r2' | 'disk' = 'r2',
): Promise<StoreInWorkerd> {
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: await bundleSource(WORKER),
      modulesRoot: '/',
      compatibilityDate: COMPATIBILITY_DATE,
      ...(own === 'r2'
        ? { r2Buckets: ['BUCKET'] }
        : { durableObjects: { BUCKET_ON_DISK: { className: 'Bucket', useSQLite: true } } }),
      bindings: vars,
      cf: false,
    }),
  );
  const url = await runtime.ready;
  const call = async (what: object, body?: ArrayBuffer): Promise<Response> => {
    const headers = { call: encodeURIComponent(JSON.stringify(what)) };
    const answer = await fetch(url, { method: 'POST', headers, body });
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  };
  return {
    get: async (key, knownEtag): Promise<StoredObject | 'unchanged' | null> => {
      const answer = await call({ operation: 'get', key, knownEtag });
      const etag = answer.headers.get('etag');
      return etag === null
        ? ((await answer.json()) as 'unchanged' | null)
        : { bytes: await answer.arrayBuffer(), etag };
    },
    put: async (key: string, bytes: ArrayBuffer, condition?: PutCondition) =>
      (await (await call({ operation: 'put', key, condition }, bytes)).json()) as string | null,
    list: async (options: ListOptions) => {
      const { keys, prefixes, cursor } = (await (await call({ operation: 'list', options })).json()) as ListPage;
      return { keys, prefixes, cursor };
    },
    delete: async (keys) => {
      await call({ operation: 'delete', keys });
    },
    stop: () => runtime.dispose(),
  };
}
