/** The limits on requests, from the environment of the Worker. */
import { BindingsError } from '../../bindings-error.ts';
import type { AddressSource } from './client-address.ts';
import type { Quotas } from './request-limits.ts';
import type { Quota } from './token-buckets.ts';

export interface LimitVariables {
  /** Requests a second; 0: no limit. */
  RATE_LIMIT_PER_TOKEN?: string;
  RATE_LIMIT_PER_ADDRESS?: string;
  /** Requests without a valid token a minute; 0: no limit. */
  RATE_LIMIT_FAILED_LOGINS?: string;
  /** The header in which a proxy that only it can reach puts the client's address, such as X-Forwarded-For. */
  CLIENT_ADDRESS_HEADER?: string;
  EMBEDDED?: string;
  /** `true` only where `vigia serve` runs it: who connects to workerd is the client, or a proxy of the operator's. */
  SELF_HOSTED?: string;
}

export const LIMIT_VARIABLES = [
  'RATE_LIMIT_PER_TOKEN',
  'RATE_LIMIT_PER_ADDRESS',
  'RATE_LIMIT_FAILED_LOGINS',
  'CLIENT_ADDRESS_HEADER',
] as const;

/** A collector posts once in two seconds, and a few times a second after an outage. */
const PER_TOKEN = 100;
/** Many hosts stand behind one address. */
const PER_ADDRESS = 500;
const FAILED_LOGINS_A_MINUTE = 60;
/** Seconds of requests that may come at once. */
const BURST_S = 10;

/** @throws BindingsError */
export function readQuotas(env: LimitVariables): Quotas {
  const failures = read(env, 'RATE_LIMIT_FAILED_LOGINS', FAILED_LOGINS_A_MINUTE);
  return {
    token: perSecond(read(env, 'RATE_LIMIT_PER_TOKEN', PER_TOKEN)),
    address: perSecond(read(env, 'RATE_LIMIT_PER_ADDRESS', PER_ADDRESS)),
    failed_logins: failures === 0 ? null : { perSecond: failures / 60, burst: Math.max(1, failures) },
  };
}

function perSecond(rate: number): Quota | null {
  return rate === 0 ? null : { perSecond: rate, burst: Math.max(1, rate * BURST_S) };
}

function read(env: LimitVariables, name: keyof LimitVariables, fallback: number): number {
  const text = env[name]?.trim() ?? '';
  const value = text === '' ? fallback : Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new BindingsError(name, `must be a number, 0 for no limit, or unset for ${fallback}`);
  return value;
}

/**
 * Who tells a client's address: on Cloudflare its own header, which no client can set there; under `vigia serve` the socket; a proxy
 * where one is named. Without a token only this machine may ask, and no address is told from another.
 * @throws BindingsError
 */
export function readAddressSource({ CLIENT_ADDRESS_HEADER, EMBEDDED, SELF_HOSTED }: LimitVariables): AddressSource {
  const named = CLIENT_ADDRESS_HEADER?.trim().toLowerCase() ?? '';
  if (named !== '' && !/^[\w!#$%&'*+.^`|~-]+$/.test(named))
    throw new BindingsError('CLIENT_ADDRESS_HEADER', 'must be the name of a header, such as X-Forwarded-For, or unset');
  const onCloudflare = EMBEDDED !== 'true' && SELF_HOSTED !== 'true';
  return {
    header: named || (onCloudflare ? 'cf-connecting-ip' : null),
    socket: SELF_HOSTED === 'true' && EMBEDDED !== 'true',
  };
}
