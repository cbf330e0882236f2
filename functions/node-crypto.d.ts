/** The function of Node's crypto that workerd's copy of it is asked for. */
declare module 'node:crypto' {
  export function hash(algorithm: 'sha256', data: string | Uint8Array, encoding: 'hex'): string;
}
