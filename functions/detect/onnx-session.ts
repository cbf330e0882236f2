/** ONNX models on onnxruntime-web, in workerd and in Node: the only file that knows the runtime. */
import * as ort from 'onnxruntime-web/wasm';
import { type ModelName, NETWORK_FEATURES, SEQUENCE_LENGTH } from '../../contract/features.ts';
import { noHours } from '../../models/hour-of-week.ts';
import type { ModelOutputs } from '../../models/model-outputs.ts';

export interface OnnxModel {
  /** `input` row-major, `rows` rows, as `ModelRunner` says. */
  run(input: Float32Array, rows: number, hours?: Float32Array): Promise<ModelOutputs>;
  release(): Promise<void>;
}

/** The wasm binary of the runtime as the host compiled it; workerd refuses to compile bytes at run time. */
export type CompiledRuntime = WebAssembly.Module;

/** Given to the runtime as its binary: nothing is fetched or compiled, and the length marks the one call to answer. */
const SENTINEL_BYTES = 8;

ort.env.wasm.numThreads = 1;
ort.env.wasm.proxy = false;
ort.env.wasm.wasmBinary = new Uint8Array(SENTINEL_BYTES);
ort.env.logLevel = 'error';

let state: 'cold' | 'booting' | 'ready' = 'cold';
const LOOK_EVERY_MS = 5;

/**
 * Loads a model.
 * @throws whatever the runtime says of a broken or foreign graph
 */
export async function openModel(runtime: CompiledRuntime, name: ModelName, onnx: Uint8Array): Promise<OnnxModel> {
  // By looking, since in workerd one request must not wait for the promise of another.
  while (state === 'booting') await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  if (state === 'cold') await boot(runtime, onnx);
  const session = await ort.InferenceSession.create(onnx);
  return {
    run: (input, rows, hours) => runSession(session, feedsOf(name, input, rows, hours)),
    release: () => session.release(),
  };
}

/** The part of the global `WebAssembly` used here; the types of Node and of workerd disagree on it. */
interface WebAssemblyHost {
  instantiate(source: unknown, imports?: unknown): Promise<unknown>;
}

/** The runtime starts with its first session; for that one call `WebAssembly.instantiate` answers with the compiled module. */
async function boot(runtime: CompiledRuntime, onnx: Uint8Array): Promise<void> {
  state = 'booting';
  const name: string = 'WebAssembly';
  const host: WebAssemblyHost = Reflect.get(globalThis, name);
  const { instantiate } = host;
  host.instantiate = async (source, imports) =>
    source instanceof Uint8Array && source.byteLength === SENTINEL_BYTES
      ? { module: runtime, instance: await instantiate(runtime, imports) }
      : instantiate(source, imports);
  try {
    const session = await ort.InferenceSession.create(onnx);
    await session.release();
    state = 'ready';
  } finally {
    if (state !== 'ready') state = 'cold';
    host.instantiate = instantiate; // the global is patched only while the runtime boots
  }
}

type Feeds = Record<string, ort.Tensor>;

function feedsOf(name: ModelName, input: Float32Array, rows: number, hours = noHours(rows)): Feeds {
  const features = NETWORK_FEATURES.length;
  if (name === 'temporal') return { sequences: new ort.Tensor('float32', input, [rows, SEQUENCE_LENGTH, features]) };
  const feeds = { rows: new ort.Tensor('float32', input, [rows, features]) };
  return name === 'statistical' ? { ...feeds, hours: new ort.Tensor('float32', hours, [rows]) } : feeds;
}

async function runSession(session: ort.InferenceSession, feeds: Feeds): Promise<ModelOutputs> {
  const outputs = await session.run(feeds);
  const { nearest } = outputs;
  return {
    score: floats(outputs, 'score'),
    contribution: floats(outputs, 'contribution'),
    ...(nearest && { nearest: Int32Array.from(nearest.data as ArrayLike<number | bigint>, Number) }),
    ...(outputs.step_error && { stepError: floats(outputs, 'step_error') }),
  };
}

function floats(outputs: ort.InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array)) throw new TypeError(`the model has no float output named ${name}`);
  return data;
}
