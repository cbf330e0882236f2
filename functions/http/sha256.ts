/** SHA-256 in hex. */
import { hash } from 'node:crypto';

/** Without a promise, unlike WebCrypto: a request asks for it more than once, and hashing its few bytes is the smaller part. */
export function sha256Hex(data: ArrayBuffer | string): string {
  return hash('sha256', typeof data === 'string' ? data : new Uint8Array(data), 'hex');
}
