/** One attempt to hand a message to an endpoint, signed by Standard Webhooks 1.0. https://www.standardwebhooks.com */
import type { WebhookEvent } from '../../../contract/webhook-event.ts';
import { refuseTarget } from './refuse-target.ts';
import { TIMEOUT_MS } from './schedule.ts';
import { signatures } from './secrets.ts';
import { render, secretsOf, type Target } from './target.ts';

export interface Outgoing {
  readonly id: string;
  readonly event: WebhookEvent;
}

/** @returns null where the receiver answered 2xx within 15 s, else what went wrong */
export async function deliver(
  { id, event }: Outgoing,
  target: Target,
  allowPrivate: boolean,
  at: Date,
): Promise<string | null> {
  // Asked again each time: what is allowed may have changed since the endpoint was made.
  const refusal = refuseTarget(target.url, allowPrivate);
  if (refusal !== null) return `the URL ${refusal}`;
  try {
    const { contentType, body } = render(target, event, id);
    const signature = signatures(secretsOf(target), id, at, body);
    const headers: Record<string, string> = {
      'content-type': contentType,
      'user-agent': 'Vigia-Webhook/1',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      ...(signature !== null && { 'webhook-signature': signature }),
    };
    const response = await send(target.url, headers, body);
    await response.body?.cancel();
    return response.ok ? null : `the receiver answered ${response.status}`;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Of a name that it cannot resolve, or resolves to an address that it does not allow, the runtime says nothing but that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  if (error.message.startsWith('internal error'))
    return 'no connection: the name does not resolve, or it resolves to a private address and WEBHOOK_ALLOW_PRIVATE is not true';
  return error.message;
}

/**
 * A receiver may close an idle connection just as it is used again: a connection that is lost before any answer is tried once
 * more at once. The receiver knows a repetition by its webhook-id.
 */
async function send(url: string, headers: Record<string, string>, body: string): Promise<Response> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const post = (): Promise<Response> => fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal });
  try {
    return await post();
  } catch (error) {
    if (signal.aborted) throw error;
    return post();
  }
}
