/** Serves `vigia block` on a Unix socket that only this collector's user and root may open. */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { fieldErrors } from '../../contract/problem.ts';
import { AddressRangeError } from './address-range.ts';
import { BlockRefusedError } from './block-list.ts';
import type { Blocking } from './blocking.ts';
import { type BlockedEntry, blockCommand } from './control-protocol.ts';

const TIMEOUT_MS = 5000;
const MAX_BODY_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 16;
/** sockaddr_un holds 108 bytes with the last one zero. */
const LONGEST_PATH = 107;

/** The control socket cannot be opened. */
export class ControlSocketError extends Error {
  override readonly name = 'ControlSocketError';
  readonly path: string;

  constructor(path: string, why: string) {
    super(`the control socket ${path} cannot be opened: ${why}`);
    this.path = path;
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** @throws ControlSocketError */
export async function serveControlSocket(path: string, blocking: Blocking): Promise<{ close(): void }> {
  if (Buffer.byteLength(path) > LONGEST_PATH)
    throw new ControlSocketError(path, `the path is longer than ${LONGEST_PATH} bytes; choose a shorter --spool`);
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(request, blocking).catch(
      (error: unknown): Answer => ({ status: 500, body: { error: String(error) } }),
    );
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  Object.assign(server, { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, maxConnections: MAX_CONNECTIONS });
  try {
    // The spool folder is locked by this collector: what lies here is left from one that was killed.
    rmSync(path, { force: true });
    const before = process.umask(0o177);
    try {
      server.listen(path);
      await once(server, 'listening');
    } finally {
      process.umask(before);
    }
    chmodSync(path, 0o600);
  } catch (error) {
    throw new ControlSocketError(path, error instanceof Error ? error.message : String(error));
  }
  server.unref();
  return {
    close() {
      server.close().closeAllConnections();
      rmSync(path, { force: true });
    },
  };
}

async function answer(request: IncomingMessage, blocking: Blocking): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://collector');
  if (pathname !== '/blocks') return { status: 404, body: { error: `there is no ${pathname}` } };
  try {
    if (request.method === 'GET') return { status: 200, body: blocking.listing() };
    if (request.method === 'POST') return await add(request, blocking);
    if (request.method === 'DELETE') return remove(searchParams.get('range'), blocking);
  } catch (error) {
    if (error instanceof AddressRangeError) return { status: 400, body: { error: error.message } };
    if (error instanceof BlockRefusedError) return { status: 409, body: { error: error.message } };
    throw error;
  }
  return { status: 405, body: { error: `no ${request.method} here` } };
}

async function add(request: IncomingMessage, blocking: Blocking): Promise<Answer> {
  if (Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY) > MAX_BODY_BYTES)
    return { status: 413, body: { error: `at most ${MAX_BODY_BYTES} bytes` } };
  const command = blockCommand.safeParse(JSON.parse(await text(request)));
  if (!command.success) {
    const wrong = fieldErrors(command.error).map(({ path, message }) => `${path}: ${message}`);
    return { status: 400, body: { error: wrong.join('; ') } };
  }
  const entry: BlockedEntry = blocking.blockByHand(command.data);
  return { status: 201, body: entry };
}

function remove(range: string | null, blocking: Blocking): Answer {
  const removed = blocking.unblockByHand(range);
  if (range !== null && removed === 0) return { status: 404, body: { error: `${range} is not blocked` } };
  return { status: 200, body: { removed } };
}
