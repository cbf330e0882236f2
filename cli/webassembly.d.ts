/** Node has WebAssembly.compile; its types leave it to the DOM's, which nothing here should see. */
declare namespace WebAssembly {
  function compile(bytes: Uint8Array): Promise<Module>;
}
