/** Refuses to start an edge that would be open to anybody, or whose storage is half set up: told here, and not by the first request. */
import { BindingsError } from '../../functions/bindings-error.ts';
import { readS3Settings } from '../../functions/storage/s3-settings.ts';
import { EdgeError } from './edge-error.ts';

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** @throws EdgeError */
export function requireSafe(host: string, vars: Readonly<Record<string, string>>): void {
  if (!LOOPBACK.test(host) && !vars.TOKEN_KEY)
    throw new EdgeError(
      `Serving on ${host} without a TOKEN_KEY would let anybody post and read`,
      'Set TOKEN_KEY (openssl rand -base64 48), or stay on 127.0.0.1',
    );
  try {
    readS3Settings(vars);
  } catch (cause) {
    if (!(cause instanceof BindingsError)) throw cause;
    throw new EdgeError(cause.message, 'Set it, or unset every STORAGE_S3_ variable to store on this machine', {
      cause,
    });
  }
}
