/** Serves `/metrics` and `/healthz` to this host's Prometheus and to whoever watches the service. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Health } from './health.ts';

const TIMEOUT_MS = 5000;
const MAX_CONNECTIONS = 16;

/** The address cannot be listened on. */
export class MetricsAddressError extends Error {
  override readonly name = 'MetricsAddressError';
  readonly address: string;

  constructor(address: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`metrics cannot be served on ${address}: ${why}. Choose another with --metrics HOST:PORT`, { cause });
    this.address = address;
  }
}

export interface Served {
  /** Such as http://127.0.0.1:9477. */
  readonly url: string;
  close(): void;
}

/**
 * @param address host and port; port 0 takes any free one
 * @throws MetricsAddressError
 */
export async function serveMetrics(
  address: string,
  metrics: { readonly contentType: string; render(): Promise<string> },
  health: () => Health,
): Promise<Served> {
  const server = createServer(async (request, response) => {
    const [path] = (request.url ?? '').split('?');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void response.writeHead(405, { allow: 'GET' }).end();
    if (path === '/metrics') {
      const text = await metrics.render();
      return void response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    }
    if (path !== '/healthz') return void response.writeHead(404).end();
    const { ok, facts } = health();
    response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ status: ok ? 'ok' : 'failing', ...facts })}\n`);
  });
  Object.assign(server, { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, maxConnections: MAX_CONNECTIONS });
  const { host, port } = listening(address);
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (cause) {
    throw new MetricsAddressError(address, cause);
  }
  server.unref();
  return { url: urlOf(server), close: () => void server.close().closeAllConnections() };
}

function listening(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

function urlOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
