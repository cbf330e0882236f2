/**
 * A namespace whose Durable Objects live in another process: what `vigia serve` binds in place of it where several processes serve
 * one port. A module that workerd itself loads, and so imports nothing.
 */
import type { ObjectBinding, Objects } from './self-hosted.ts';

interface Inner {
  /** The process that holds them. */
  readonly objects: Service<Objects>;
  readonly binding: ObjectBinding;
}

export default ({ objects, binding }: Inner) => ({
  getByName: (name: string): object =>
    new Proxy(
      {},
      {
        // A stub is no promise, also where it is awaited.
        get: (_, method) =>
          typeof method !== 'string' || method === 'then'
            ? undefined
            : (...args: unknown[]) => objects.call(binding, name, method, args),
      },
    ),
});
