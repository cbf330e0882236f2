/** Signing secrets of an endpoint: made here, replaced with a day's overlap. https://www.standardwebhooks.com */
import { Webhook } from 'standardwebhooks';
import { ROTATION_MS } from './schedule.ts';

const SECRET_BYTES = 32;
/** Secrets that sign at once; more rotations have to wait. */
export const MAX_SECRETS = 5;

export interface Secret {
  /** `whsec_…` */
  readonly value: string;
  /** Milliseconds since the epoch; null: until it is replaced. */
  readonly until: number | null;
}

export function newSecret(): string {
  return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(SECRET_BYTES))))}`;
}

export function inForce(secrets: readonly Secret[], now: number): Secret[] {
  return secrets.filter(({ until }) => until === null || until > now);
}

/** With `value` before those in force, which end a day later. */
export function rotated(secrets: readonly Secret[], value: string, now: number): Secret[] {
  const before = inForce(secrets, now).map((secret) => ({ ...secret, until: secret.until ?? now + ROTATION_MS }));
  return [{ value, until: null }, ...before];
}

/** The `webhook-signature` header: one signature for each secret in force; null where there is none. */
export function signatures(secrets: readonly Secret[], id: string, at: Date, body: string): string | null {
  const valid = inForce(secrets, at.getTime());
  if (valid.length === 0) return null;
  return valid.map(({ value }) => new Webhook(value).sign(id, at, body)).join(' ');
}
