/** One attempt to hand a webhook over, signed by Standard Webhooks 1.0. https://www.standardwebhooks.com */
import { Webhook } from 'standardwebhooks';
import type { OutboxMessage } from './outbox.ts';

const TIMEOUT_MS = 15_000;

export interface Target {
  readonly url: string;
  /** `whsec_…`; null sends unsigned. */
  readonly secret: string | null;
}

/** @returns null where the receiver answered 2xx, else what went wrong */
export async function deliver(message: OutboxMessage, target: Target, at: Date): Promise<string | null> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'Vigia-Webhook/1',
    'webhook-id': message.id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
  };
  try {
    if (target.secret !== null)
      headers['webhook-signature'] = new Webhook(target.secret).sign(message.id, at, message.body);
    const response = await send(target.url, headers, message.body);
    await response.body?.cancel();
    return response.ok ? null : `the receiver answered ${response.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * A receiver may close an idle connection just as it is used again: a connection that is lost before any answer is tried once
 * more at once. The receiver knows a repetition by its webhook-id.
 */
async function send(url: string, headers: Record<string, string>, body: string): Promise<Response> {
  const post = (): Promise<Response> =>
    fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
  try {
    return await post();
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') throw error;
    return post();
  }
}
