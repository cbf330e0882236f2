/** Boots TensorFlow.js on its wasm backend in Node: from node_modules, one thread, so that a seed gives the same bytes. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);

export async function bootBackend(): Promise<void> {
  await registerGradients();
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm'))}/`);
  setThreadsCount(1);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await tf.setBackend('wasm');
  await tf.ready();
}

/**
 * The gradients are only published as modules without file extensions, which Node does not resolve and a bundler does.
 * They register themselves in a table that every copy of the library in this process shares.
 */
async function registerGradients(): Promise<void> {
  const bundle = await build({
    entryPoints: [require.resolve('@tensorflow/tfjs-core/dist/register_all_gradients.js')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    logLevel: 'error',
  });
  const [file] = bundle.outputFiles;
  if (!file) throw new Error('esbuild gave no bundle of the gradients');
  await import(`data:text/javascript;base64,${Buffer.from(file.contents).toString('base64')}`);
}
