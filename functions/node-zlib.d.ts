/** The functions of Node's zlib that workerd's copy of it is asked for. */
declare module 'node:zlib' {
  export function gzipSync(data: Uint8Array, options: { level: number }): Uint8Array<ArrayBuffer>;
  export function gunzipSync(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array<ArrayBuffer>;
  export function zstdCompressSync(data: Uint8Array): Uint8Array<ArrayBuffer>;
  export function zstdDecompressSync(
    data: Uint8Array,
    options: { maxOutputLength: number; params: Record<number, number> },
  ): Uint8Array<ArrayBuffer>;
  export const constants: { readonly ZSTD_d_windowLogMax: number };
}
