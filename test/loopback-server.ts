/** A server on loopback that answers as a test wants. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LoopbackServer {
  readonly url: string;
  /** Host and port. */
  readonly at: string;
  close(): void;
}

export async function serve(listener: RequestListener): Promise<LoopbackServer> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${at}`, at, close: () => void server.close().closeAllConnections() };
}
