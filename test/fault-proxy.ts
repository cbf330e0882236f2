/** A proxy on loopback before an S3 server, which hands on every byte as it is, or does what a test asks of the next requests. */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';

export type Fault =
  /** The server does not hear of it. */
  | { readonly kind: 'answer'; readonly status: number }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The server does it, and its answer is lost. */
  | { readonly kind: 'lose answer' }
  /** Half of the body, under the header of the whole. */
  | { readonly kind: 'cut' }
  /** A body of the right length with a wrong byte. */
  | { readonly kind: 'corrupt' };

export interface FaultProxy {
  readonly endpoint: string;
  /** Methods of the requests that came, in order. */
  readonly seen: string[];
  /** Faults of the next requests of this method, one each; then all is well again. */
  next(method: string, ...faults: Fault[]): void;
  stop(): Promise<void>;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const faults = new Map<string, Fault[]>();
  const seen: string[] = [];

  const forward = (from: IncomingMessage, answer: (status: number, headers: object, body: Buffer) => void): void => {
    // The host is signed, and stays the proxy's.
    const to = send({ hostname, port, method: from.method, path: from.url, headers: from.headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => answer(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks)));
    });
    to.on('error', () => from.socket.destroy()); // the server hung up: so does the proxy
    from.pipe(to);
  };

  const server = createServer((from: IncomingMessage, to: ServerResponse) => {
    const method = from.method ?? '';
    seen.push(method);
    const fault = faults.get(method)?.shift();
    if (fault?.kind === 'answer') {
      from.resume();
      to.writeHead(fault.status).end();
      return;
    }
    forward(from, (status, headers, body) => {
      if (fault?.kind === 'lose answer') {
        to.socket?.destroy();
        return;
      }
      const changed =
        fault?.kind === 'corrupt' ? Buffer.from(body.map((byte, i) => (i === 0 ? byte ^ 1 : byte))) : body;
      const finish = (): void => {
        to.writeHead(status, { ...headers });
        if (fault?.kind === 'cut') to.write(body.subarray(0, body.length / 2), () => to.socket?.destroy());
        else to.end(changed);
      };
      if (fault?.kind === 'delay') setTimeout(finish, fault.ms);
      else finish();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const own = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${own}`,
    seen,
    next: (method, ...more) => faults.set(method, more),
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
