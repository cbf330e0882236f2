/** A running edge for tests: real workerd, the bundle that ships, state in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Edge, startEdge } from '../cli/edge.ts';
import type { NetworkWindow } from '../contract/network-window.ts';
import type { Result } from '../contract/result.ts';

export interface TestEdge extends Edge {
  readonly stateDir: string;
  readonly logs: string[];
  /** Posts JSON; a string or bytes go as they are. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Posts windows and answers their results. */
  detect(windows: unknown[], headers?: Record<string, string>): Promise<Result[]>;
  /** Stops it and removes its state. */
  remove(): Promise<void>;
}

/** @param port 0: any free one */
export async function testEdge(vars: Record<string, string> = {}, stateDir?: string, port = 0): Promise<TestEdge> {
  const folder = stateDir ?? (await mkdtemp(join(tmpdir(), 'vigia-edge-')));
  const logs: string[] = [];
  const edge = await startEdge({ port, stateDir: folder, vars, log: (line) => logs.push(line) });
  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${edge.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    });
  return {
    ...edge,
    stateDir: folder,
    logs,
    post,
    detect: async (windows, headers) => {
      const answer = await post('/detect', { windows }, headers);
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      return ((await answer.json()) as { results: Result[] }).results;
    },
    remove: async () => {
      await edge.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

let windows = 0;

/** A quiet network window with an id of its own. */
export function quietWindow(fields: Partial<NetworkWindow> = {}): NetworkWindow {
  windows++;
  return {
    id: `w-${process.pid}-${windows}`,
    host: 'web-1',
    group: 'default',
    interface: 'eth0',
    start: new Date(Date.UTC(2026, 10, 20, 10, 0, windows % 60)).toISOString(),
    duration_s: 1,
    packets_per_second: 80,
    bytes_per_second: 60_000,
    unique_ips: 8,
    unique_ports: 4,
    tcp_packets: 60,
    udp_packets: 15,
    syn_packets: 20,
    tcp_ratio: 0.8,
    ...fields,
  };
}

/** A port scan by `attacker`. */
export function scanWindow(attacker: string, fields: Partial<NetworkWindow> = {}): NetworkWindow {
  return quietWindow({
    packets_per_second: 1200,
    unique_ports: 150,
    syn_packets: 450,
    tcp_packets: 1100,
    sources: [{ ip: attacker, packets: 1100, bytes: 66_000, syn_packets: 450, unique_ports: 150 }],
    ...fields,
  });
}

export interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

export interface Receiver {
  readonly url: string;
  readonly deliveries: Delivery[];
  /** Status of the next answers; the last one stays. */
  answerWith(...statuses: number[]): void;
  /** Waits until there are at least `count` deliveries. */
  received(count: number, within_ms?: number): Promise<Delivery[]>;
  close(): Promise<void>;
}

/** A webhook receiver on loopback. @param onPort 0: any free one */
export async function webhookReceiver(onPort = 0, host = '127.0.0.1'): Promise<Receiver> {
  const deliveries: Delivery[] = [];
  let statuses = [204];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      deliveries.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8'), at: Date.now() });
      const status = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 204;
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(onPort, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}/hook`,
    deliveries,
    answerWith: (...next) => {
      statuses = next;
    },
    received: async (count, within_ms = 10_000) => {
      const deadline = Date.now() + within_ms;
      while (deliveries.length < count) {
        if (Date.now() > deadline)
          throw new Error(`${deliveries.length} deliveries after ${within_ms} ms, expected ${count}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return deliveries;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
