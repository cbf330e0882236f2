/** The two ONNX runtimes that the models' graphs must agree in: the one of the edge, and an independent build. */
import * as node from 'onnxruntime-node';
import * as web from 'onnxruntime-web/wasm';
import { noHours } from '../models/hour-of-week.ts';

export interface GraphOutputs {
  readonly [name: string]: Float32Array | BigInt64Array;
}

/** Runs a graph on `input` shaped `dims`; one that asks for hours of the week is told them, or that there are none. */
export type RunGraph = (
  onnx: Uint8Array,
  input: Float32Array,
  dims: readonly number[],
  hours?: Float32Array,
) => Promise<GraphOutputs>;

web.env.wasm.numThreads = 1;

export const inWeb: RunGraph = async (onnx, input, dims, hours = noHours(dims[0] ?? 0)) => {
  const session = await web.InferenceSession.create(onnx);
  try {
    const [first = '', ...others] = session.inputNames;
    const outputs = await session.run({
      [first]: new web.Tensor('float32', input, dims),
      ...(others.includes('hours') && { hours: new web.Tensor('float32', hours, [hours.length]) }),
    });
    return copied(outputs);
  } finally {
    await session.release();
  }
};

export const inNode: RunGraph = async (onnx, input, dims, hours = noHours(dims[0] ?? 0)) => {
  const session = await node.InferenceSession.create(onnx);
  try {
    const [first = '', ...others] = session.inputNames;
    const outputs = await session.run({
      [first]: new node.Tensor('float32', input, dims),
      ...(others.includes('hours') && { hours: new node.Tensor('float32', hours, [hours.length]) }),
    });
    return copied(outputs);
  } finally {
    await session.release();
  }
};

function copied(outputs: Record<string, { readonly data: unknown }>): GraphOutputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => {
      if (data instanceof Float32Array || data instanceof BigInt64Array) return [name, data.slice()];
      throw new TypeError(`output ${name} is neither float32 nor int64`);
    }),
  );
}
