/** What stands between a collector and its edge, in words, and what a person can do about it. */

export interface EdgeProblem {
  /** The same for the same cause: an HTTP status, or Node's code of the error. */
  readonly cause: string;
  readonly reason: string;
  /** Null where waiting is all there is to do. */
  readonly remedy: string | null;
}

const UNKNOWN_AUTHORITY = {
  reason: "the edge's certificate is signed by nobody that this host trusts",
  remedy: "name the certificate of the edge's authority with --ca FILE (VIGIA_CA)",
};
const NO_NAME = { reason: "the edge's name is not known", remedy: 'check --to, and the name servers of this host' };
const NO_ROUTE = { remedy: 'check --to, the edge, the network, and what stands between' };

/** Codes of OpenSSL's certificate checks, of TLS, and of the system. */
const OF_CODE: Readonly<Record<string, { readonly reason?: string; readonly remedy: string }>> = {
  CERT_HAS_EXPIRED: {
    reason: "the edge's certificate has expired",
    remedy: "renew the edge's certificate; if it has not expired, set this host's clock",
  },
  CERT_NOT_YET_VALID: {
    reason: "the edge's certificate is not valid yet",
    remedy: "set this host's clock; if it is right, the edge's certificate is of the future",
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    remedy: 'name the edge in --to as its certificate does, or have one made for the name in --to',
  },
  EPROTO: { remedy: 'check whether --to should begin with http:// rather than https://' },
  ERR_SSL_WRONG_VERSION_NUMBER: { remedy: 'check whether --to should begin with http:// rather than https://' },
  ERR_PROXY_TUNNEL: { remedy: 'check HTTPS_PROXY, its user name and password, and whether it lets this host through' },
  ERR_PROXY_INVALID_CONFIG: { remedy: 'write HTTPS_PROXY and HTTP_PROXY as http://HOST:PORT' },
  ENOTFOUND: NO_NAME,
  EAI_AGAIN: NO_NAME,
  ECONNREFUSED: NO_ROUTE,
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  ETIMEDOUT: NO_ROUTE,
  TOKEN_FILE: { remedy: 'make one: vigia token create --scope ingest --host HOST > FILE; it is read at every post' },
};

const OF_STATUS: Readonly<Record<number, string>> = {
  400: 'update the older of edge and collector; the windows at fault are in the folder `rejected` of the spool',
  401: 'put a valid token into the token file: vigia token create --scope ingest --host HOST; it is read at every post',
  403: "give this host a token of the scope ingest for its --host and --group, or set these to the token's",
  404: 'check --to: it is the address of the edge, without a path',
  405: 'check --to: it is the address of the edge, without a path',
  407: 'check the user name and password in HTTPS_PROXY or HTTP_PROXY',
  413: 'raise the limit of what stands between this host and the edge to 1 MiB',
  422: 'update the older of edge and collector; the windows at fault are in the folder `rejected` of the spool',
};
const REDIRECT_REMEDY = 'name in --to the address that the edge is redirected to; redirects are not followed';
const MAX_BODY_CHARACTERS = 500;
const MAX_STRANGE_CHARACTERS = 100;

/** An answer that is no success. @param text its body, told in part */
export function problemOfAnswer(status: number, text: string): EdgeProblem {
  const remedy = OF_STATUS[status] ?? (status >= 300 && status < 400 ? REDIRECT_REMEDY : null);
  return {
    cause: String(status),
    reason: `the edge answered ${status}: ${text.slice(0, MAX_BODY_CHARACTERS)}`,
    remedy,
  };
}

/** A success that no edge gave. @param text its body, told in part */
export function problemOfStranger(host: string, status: number, text: string): EdgeProblem {
  const shown = text.slice(0, MAX_STRANGE_CHARACTERS).replaceAll(/\s+/g, ' ');
  return {
    cause: 'not_an_edge',
    reason: `${host} answered ${status} with ${JSON.stringify(shown)}, not as a Vigía edge does; the windows are kept`,
    remedy: 'check --to, and whether a login page of the network or a proxy answers in place of the edge',
  };
}

/** No answer in time. */
export function problemOfSilence(timeout_ms: number): EdgeProblem {
  return { cause: 'timeout', reason: `the edge did not answer within ${timeout_ms / 1000} s`, ...NO_ROUTE };
}

/** @param error of a request that got no answer */
export function problemOfError(error: unknown): EdgeProblem {
  if (!(error instanceof Error)) return { cause: 'unknown', reason: String(error), remedy: null };
  const cause = codeOf(error);
  const known = OF_CODE[cause];
  const message = error.message || cause;
  return { cause, reason: known?.reason ? `${known.reason} (${message})` : message, remedy: known?.remedy ?? null };
}

/** Where several addresses of a name were tried, the first error speaks for all. */
function codeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
