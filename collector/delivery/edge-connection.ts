/** How a host reaches its edge: through the proxy that the environment names, trusting the system's authorities and the operator's. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import { createGunzip } from 'node:zlib';

export interface ConnectionSettings {
  /** Base address of the edge, such as https://vigia.example.com. */
  readonly to: string;
  /** PEM certificates of authorities beside those of Node and of the system; null: none. */
  readonly caFile: string | null;
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY; an edge on loopback is never reached through them. */
  readonly proxies: Readonly<Record<string, string | undefined>>;
}

export interface EdgeRequest {
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
}

export interface EdgeAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** As much of it as is ever meant. */
  readonly text: string;
}

/** The file that --ca names holds no certificate. */
export class AuthorityError extends Error {
  override readonly name = 'AuthorityError';
  readonly file: string;

  constructor(file: string, what: string, cause?: unknown) {
    super(`--ca (VIGIA_CA): ${file} ${what}; name a file of PEM certificates, each from -----BEGIN CERTIFICATE-----`, {
      cause,
    });
    this.file = file;
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Connections are kept open between requests. Redirects are not followed: a token goes nowhere but where it was meant to. */
export class EdgeConnection {
  readonly #base: string;
  /** HOST or HOST:PORT of `to`. */
  readonly host: string;
  readonly #agent: Agent;
  readonly #request: typeof requestHttp;

  /** @throws AuthorityError */
  constructor({ to, caFile, proxies }: ConnectionSettings) {
    this.#base = to.replace(/\/+$/, '');
    const { protocol, hostname, host } = new URL(to);
    this.host = host;
    const proxyEnv = LOOPBACK.test(hostname) ? {} : proxies;
    const authorities = caFile === null ? [] : readAuthorities(caFile);
    const isTls = protocol === 'https:';
    this.#request = isTls ? requestHttps : requestHttp;
    this.#agent = isTls
      ? new TlsAgent({ keepAlive: true, proxyEnv, secureContext: trusting(authorities) })
      : new Agent({ keepAlive: true, proxyEnv });
  }

  /** @throws what kept the request from being answered, as Node reports it */
  request(path: string, { method, headers = {}, body, signal }: EdgeRequest): Promise<EdgeAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<EdgeAnswer>();
    const accepted = { 'accept-encoding': 'gzip', ...headers };
    const options = { method, headers: accepted, agent: this.#agent, signal };
    this.#request(`${this.#base}${path}`, options, (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      readText(response).then((text) => resolve({ status, headers: answered, text }), reject);
    })
      .on('error', reject)
      .end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function trusting(authorities: readonly string[]): ReturnType<typeof createSecureContext> {
  return createSecureContext({ ca: [...getCACertificates('default'), ...getCACertificates('system'), ...authorities] });
}

function readAuthorities(file: string): string[] {
  let found: string[];
  try {
    found = readFileSync(file, 'utf8').match(PEM) ?? [];
  } catch (cause) {
    throw new AuthorityError(file, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (found.length === 0) throw new AuthorityError(file, 'holds no certificate');
  for (const [i, pem] of found.entries()) {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw new AuthorityError(
        file,
        `holds a certificate that cannot be read, the ${i + 1}. of ${found.length}`,
        cause,
      );
    }
  }
  return found;
}

async function readText(response: IncomingMessage): Promise<string> {
  const body = response.headers['content-encoding'] === 'gzip' ? response.compose(createGunzip()) : response;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
