/** Boots TensorFlow.js on its wasm backend in workerd, which compiles the binary when the Worker is deployed. */
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import wasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';

let booted: Promise<void> | undefined;

/** Once an isolate; within a request, since booting is asynchronous work. */
export function bootBackend(): Promise<void> {
  booted ??= boot().catch((error: unknown) => {
    booted = undefined;
    throw error;
  });
  return booted;
}

/** The backend fetches and compiles bytes, which workerd refuses: both calls are answered with the compiled module. */
async function boot(): Promise<void> {
  const instantiate = WebAssembly.instantiate;
  const answer = async (source: unknown, imports?: WebAssembly.Imports): Promise<unknown> => {
    if (source instanceof WebAssembly.Module) return Reflect.apply(instantiate, WebAssembly, [source, imports]);
    return { module: wasm, instance: await instantiate(wasm, imports) };
  };
  Reflect.set(WebAssembly, 'instantiate', answer);
  // With a process in sight its glue takes the isolate for Node, and asks for files.
  const process: unknown = Reflect.get(globalThis, 'process');
  Reflect.set(globalThis, 'process', undefined);
  try {
    tf.env().set('WASM_HAS_SIMD_SUPPORT', true);
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    tf.env().platform.fetch = async () => new Response(new Uint8Array(8));
    setWasmPaths('/', true);
    await tf.setBackend('wasm');
    await tf.ready();
  } finally {
    Reflect.set(globalThis, 'process', process);
    Reflect.set(WebAssembly, 'instantiate', instantiate);
  }
}
