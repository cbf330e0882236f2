/** Whether the edge can listen where it was told to, asked before the runtime starts, which would only exit. */
import { createServer } from 'node:net';
import { EdgeError } from './edge-error.ts';

/** @throws EdgeError where the address cannot be listened on */
export async function requireFreePort(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EADDRINUSE')
      throw new EdgeError(
        `Port ${port} on ${host} is in use`,
        'Stop what listens there, or choose another port with --port',
        { cause },
      );
    if (code === 'EACCES')
      throw new EdgeError(`Port ${port} on ${host} needs privileges`, 'Choose one above 1023 with --port', { cause });
    throw new EdgeError(`Cannot listen on ${host} port ${port}: ${String(cause)}`, 'Choose another with --port', {
      cause,
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
