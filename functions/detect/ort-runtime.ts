/** The wasm binary of onnxruntime-web, compiled at deployment. */
import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm';

export const ortRuntime: WebAssembly.Module = ortWasm;
