/** An HTTP or HTTPS server that answers as an edge would, or as a broken one; it keeps what it was posted. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { openColumns, readColumns } from '../contract/columns/decode.ts';
import { COLUMNS_MEDIA_TYPE } from '../contract/columns/format.ts';
import type { NetworkWindow } from '../contract/network-window.ts';

export interface Post {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly windows: NetworkWindow[];
  readonly context: NetworkWindow[];
  readonly at_ms: number;
}

/** What becomes of a post; the default stores it. */
export type Answer = (response: ServerResponse, post: Post) => void;

/** A verdict that the collector does not tell, for each window. */
export const stores: Answer = (response, { windows }) =>
  response.end(JSON.stringify({ results: windows.map(() => ({ threat_detected: false })) }));
export const refuses =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, headers).end(JSON.stringify({ title: `refused with ${status}` }));
export const hangs: Answer = () => undefined;
export const resets: Answer = (response) => response.socket?.resetAndDestroy();

export class EdgeStandIn {
  readonly posts: Post[] = [];
  /** Posts that were answered by `stores`. */
  readonly stored: Post[] = [];
  /** Answers of the next posts; then `usual`. */
  script: Answer[] = [];
  usual: Answer = stores;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param certificate for HTTPS */
  static async start(certificate?: { key: string; cert: string }): Promise<EdgeStandIn> {
    const server = certificate ? createTlsServer(certificate) : createServer();
    const edge = new EdgeStandIn(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        const { windows, context } = read(request.headers['content-type'], gunzipSync(body));
        const post = { path: request.url ?? '', headers: request.headers, body, windows, context, at_ms: Date.now() };
        edge.posts.push(post);
        const answer = edge.script.shift() ?? edge.usual;
        if (answer === stores) edge.store(response, post);
        else answer(response, post);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return edge;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get storedIds(): string[] {
    return this.stored.flatMap(({ windows }) => windows.map(({ id }) => id));
  }

  store(response: ServerResponse, post: Post): void {
    this.stored.push(post);
    stores(response, post);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function read(type: string | undefined, body: Buffer): Pick<Post, 'windows' | 'context'> {
  if (type !== COLUMNS_MEDIA_TYPE) return JSON.parse(body.toString());
  const { windows, context } = readColumns(openColumns(body));
  return JSON.parse(JSON.stringify({ windows, context }));
}

/** Waits until something holds. @throws where it does not in time */
export async function until(what: string, holds: () => boolean, within_ms = 20_000): Promise<void> {
  const deadline_ms = performance.now() + within_ms;
  while (!holds()) {
    if (performance.now() > deadline_ms) throw new Error(`waited ${within_ms / 1000} s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
