/** Takes signed webhooks of the edge, so that what attacks one host can be blocked on others. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { webhookSecret } from '../../contract/webhook-endpoint.ts';
import { webhookEvent } from '../../contract/webhook-event.ts';
import type { Blocking } from './blocking.ts';
import { WEBHOOK_OUTCOMES, type WebhookOutcome } from './webhook-outcomes.ts';
import { WebhookReceiverError } from './webhook-receiver-error.ts';

const TIMEOUT_MS = 5000;
const MAX_BODY_BYTES = 256 * 1024;
const MAX_CONNECTIONS = 64;
/** Ids are remembered for as long as the library takes a time stamp for fresh: five minutes either way. */
const REMEMBERED_MS = 10 * 60_000;
const MAX_IDS = 10_000;

class TooLargeError extends Error {}

type Receiving = Pick<Blocking, 'received' | 'webhooks'>;

/**
 * @param secret as `vigia up` and WEBHOOK_SECRET have it: whsec_…
 * @throws WebhookReceiverError
 */
export async function serveWebhooks(
  { host, port }: { host: string; port: number },
  secret: string,
  blocking: Receiving,
): Promise<{ readonly port: number; close(): void }> {
  const webhook = verifier(secret);
  const seen = new Map<string, number>();
  const server = createServer(async (request, response) => {
    // One that is too large has none any more once it was refused.
    const from = request.socket.remoteAddress ?? '';
    let error: string | undefined;
    const outcome = await outcomeOf(request, webhook, seen, blocking).catch((failure: unknown): WebhookOutcome => {
      error = String(failure);
      return 'failed';
    });
    blocking.webhooks.note(outcome, from, error);
    response.writeHead(WEBHOOK_OUTCOMES[outcome].status).end();
  });
  Object.assign(server, { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, maxConnections: MAX_CONNECTIONS });
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    throw new WebhookReceiverError(`webhooks cannot be received on ${host}:${port}: ${String(error)}`);
  }
  server.unref();
  return { port: portOf(server), close: () => void server.close().closeAllConnections() };
}

/** The library would take any base64, what the unit hands over in the place of an absent file included. */
function verifier(secret: string): Webhook {
  const checked = webhookSecret.safeParse(secret);
  if (checked.success) return new Webhook(secret);
  const wrong = checked.error.issues.map(({ message }) => message).join(', ');
  throw new WebhookReceiverError(
    `the webhook secret ${wrong}, as \`vigia webhooks add\` prints it; the unit hands over /etc/vigia/webhook.secret as it was when it started`,
  );
}

async function outcomeOf(
  request: IncomingMessage,
  webhook: Webhook,
  seen: Map<string, number>,
  blocking: Receiving,
): Promise<WebhookOutcome> {
  if (request.method !== 'POST') return 'not_post';
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  try {
    const body = await bodyOf(request);
    webhook.verify(body, headers);
    const event = webhookEvent.safeParse(JSON.parse(body));
    if (!event.success) return 'malformed';
    if (!isNew(headers['webhook-id'] ?? '', seen)) return 'replayed';
    blocking.received(event.data);
    return 'taken';
  } catch (error) {
    if (error instanceof TooLargeError) return 'too_large';
    if (error instanceof WebhookVerificationError) return 'unsigned';
    if (error instanceof SyntaxError) return 'malformed';
    throw error;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new TooLargeError();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A message that is sent again, by its sender or by who recorded it, blocks nobody a second time. */
function isNew(id: string, seen: Map<string, number>): boolean {
  const now_ms = Date.now();
  for (const [old, at_ms] of seen) {
    if (now_ms - at_ms < REMEMBERED_MS && seen.size < MAX_IDS) break;
    seen.delete(old);
  }
  if (seen.has(id)) return false;
  seen.set(id, now_ms);
  return true;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
