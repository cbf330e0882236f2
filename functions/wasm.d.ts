/** A `.wasm` import: the Workers' bundler hands over the module compiled at deployment. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
