/** The two ONNX runtimes that the models' graphs must agree in: the one of the edge, and an independent build. */
import * as node from 'onnxruntime-node';
import * as web from 'onnxruntime-web/wasm';

export interface GraphOutputs {
  readonly [name: string]: Float32Array | BigInt64Array;
}

/** Runs a graph with one float input on `input` shaped `dims`. */
export type RunGraph = (onnx: Uint8Array, input: Float32Array, dims: readonly number[]) => Promise<GraphOutputs>;

web.env.wasm.numThreads = 1;

export const inWeb: RunGraph = async (onnx, input, dims) => {
  const session = await web.InferenceSession.create(onnx);
  try {
    const outputs = await session.run({ [session.inputNames[0] as string]: new web.Tensor('float32', input, dims) });
    return copied(outputs);
  } finally {
    await session.release();
  }
};

export const inNode: RunGraph = async (onnx, input, dims) => {
  const session = await node.InferenceSession.create(onnx);
  try {
    const outputs = await session.run({ [session.inputNames[0] as string]: new node.Tensor('float32', input, dims) });
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
