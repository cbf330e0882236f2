/** The certificate and key that the edge serves with, read and checked before a workerd is started with them. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { EdgeError } from '../edge/edge-error.ts';

export interface TlsFiles {
  /** PEM: the server's certificate first, then those between it and the CA. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** @throws EdgeError where a file cannot be read, is no PEM, or the two do not belong together */
export function readTls({ certificateFile, keyFile }: TlsFiles): { certificate: string; key: string } {
  try {
    const [certificate, key] = [readFileSync(certificateFile, 'utf8'), readFileSync(keyFile, 'utf8')];
    createSecureContext({ cert: certificate, key });
    return { certificate, key };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EdgeError(
      `No TLS with ${certificateFile} and ${keyFile}: ${reason}`,
      'Give a PEM certificate with --tls-cert and its key with --tls-key',
      { cause },
    );
  }
}
