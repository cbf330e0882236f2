/** A receiver of webhooks that verifies each, knows repeated ones by their id, and can be away. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { webhookEvent } from '../../contract/webhook-event.ts';

export class Receiver {
  readonly secret = `whsec_${Buffer.from('a secret of benchmarks on loopback').toString('base64')}`;
  /** Ids of the messages that told of an incident's beginning. */
  readonly begun = new Map<string, Set<string>>();
  deliveries = 0;
  repeated = 0;
  unverified = 0;
  readonly #seen = new Set<string>();
  readonly #webhook = new Webhook(this.secret);
  #server = createServer();
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Takes webhooks, at the same port as before. */
  async open(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      const body = await text(request);
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      response.writeHead(this.#take(body, headers) ? 204 : 401).end();
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Refuses connections. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #take(body: string, headers: Record<string, string>): boolean {
    try {
      this.#webhook.verify(body, headers);
    } catch {
      this.unverified++;
      return false;
    }
    this.deliveries++;
    const id = headers['webhook-id'] ?? '';
    if (this.#seen.has(id)) this.repeated++;
    this.#seen.add(id);
    const { type, incident_id } = webhookEvent.parse(JSON.parse(body));
    if (type !== 'threat.detected' || incident_id === undefined) return true;
    const ids = this.begun.get(incident_id) ?? new Set();
    this.begun.set(incident_id, ids.add(id));
    return true;
  }
}
