/** What memory an isolate of workerd takes, with a heap that leaves room beside it as Cloudflare's must. */
import * as z from 'zod';

/** What a Worker's isolate may hold (developers.cloudflare.com/workers/platform/limits). */
export const ISOLATE_MiB = 128;
/** Of JavaScript objects, beside which the isolate has buffers and wasm; past it V8 ends the process. Without a limit it lets garbage lie. */
const HEAP_FLAGS = '--max-old-space-size=56 --max-semi-space-size=8';
const LOOK_EVERY_MS = 20;

/** Starts a runtime whose isolates have a limited heap. */
export function withIsolateHeap<T>(start: () => T): T {
  process.env.MINIFLARE_WORKERD_V8_FLAGS = HEAP_FLAGS;
  try {
    return start();
  } finally {
    delete process.env.MINIFLARE_WORKERD_V8_FLAGS;
  }
}

/** What V8 says of an isolate, in bytes: the heap it reserved, and the buffers beside it, wasm's memory among them. */
const heapUsage = z.object({ result: z.object({ totalSize: z.number(), backingStorageSize: z.number() }) });

/** The largest sum of both while `work` runs, seen whenever the isolate lets the inspector in. */
export async function peak_MiB(inspector: string, work: () => Promise<void>): Promise<number> {
  const socket = new WebSocket(inspector);
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  let [peak, asked] = [0, 0];
  socket.addEventListener('message', ({ data }) => {
    const usage = heapUsage.safeParse(JSON.parse(String(data)));
    if (usage.success) peak = Math.max(peak, usage.data.result.totalSize + usage.data.result.backingStorageSize);
  });
  const asking = setInterval(
    () => socket.send(JSON.stringify({ id: ++asked, method: 'Runtime.getHeapUsage' })),
    LOOK_EVERY_MS,
  );
  try {
    await work();
  } finally {
    clearInterval(asking);
    socket.close();
  }
  return peak / 2 ** 20;
}
