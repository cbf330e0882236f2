/** Posts over connections that stay open, and times each post. */
import { Agent, request } from 'node:http';

export interface Timed {
  /** By performance.now(). */
  readonly began_ms: number;
  readonly took_ms: number;
  readonly status: number;
  readonly text: string;
}

export class KeepAlive {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;

  constructor(url: string, headers: Readonly<Record<string, string>>, connections: number) {
    this.#url = url;
    this.#headers = headers;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  post(body: string | Uint8Array): Promise<Timed> {
    const { promise, resolve, reject } = Promise.withResolvers<Timed>();
    const headers = { ...this.#headers, 'content-length': Buffer.byteLength(body) };
    const began_ms = performance.now();
    request(this.#url, { method: 'POST', headers, agent: this.#agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const took_ms = performance.now() - began_ms;
        resolve({ began_ms, took_ms, status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    })
      .on('error', reject)
      .end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}
