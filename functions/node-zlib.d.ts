/** What is used of Node's zlib, of which workerd has a copy. */
declare module 'node:zlib' {
  export function gzipSync(data: Uint8Array, options: { level: number }): Uint8Array<ArrayBuffer>;
  export function gunzipSync(data: Uint8Array, options: { maxOutputLength: number }): Uint8Array<ArrayBuffer>;
}
