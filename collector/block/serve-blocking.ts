/** Opens what blocking is asked and fed by: the control socket, and the receiver of webhooks where one is wanted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CollectorConfig } from '../config.ts';
import type { Blocking } from './blocking.ts';
import { serveControlSocket } from './control-socket.ts';
import { WebhookReceiverError } from './webhook-receiver-error.ts';

/** In the spool folder. */
export const CONTROL_SOCKET = 'control.sock';

/** Host names of the edge and of the proxies on the way to it. */
export function edgeNames({ to, proxies }: Pick<CollectorConfig, 'to' | 'proxies'>): string[] {
  const servers = Object.entries(proxies).filter(([name]) => !/^no_/i.test(name));
  return [to, ...servers.map(([, url]) => url)].flatMap((url) => (URL.canParse(url) ? new URL(url).hostname : []));
}

/**
 * Nothing is served where no interface is watched: there is nothing to block.
 * @throws ControlSocketError, WebhookReceiverError
 */
export async function serveBlocking(config: CollectorConfig, blocking: Blocking): Promise<{ close(): void }> {
  if (!config.sources.some((spec) => spec.startsWith('ebpf:'))) return { close: () => {} };
  await blocking.start();
  const socket = await serveControlSocket(join(config.spoolDir, CONTROL_SOCKET), blocking);
  const webhooks = await receiver(config, blocking).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  return {
    close() {
      webhooks?.close();
      socket.close();
      blocking.stop();
    },
  };
}

async function receiver(config: CollectorConfig, blocking: Blocking): Promise<{ close(): void } | null> {
  const { blockWebhook, webhookSecretFile } = config;
  if (blockWebhook === null) return null;
  if (webhookSecretFile === null)
    throw new WebhookReceiverError('--block-webhook needs --webhook-secret-file FILE: only signed webhooks may block');
  const at = blockWebhook.lastIndexOf(':');
  const host = blockWebhook.slice(0, at).replace(/^\[|\]$/g, '');
  // Only who wants it pays for its memory.
  const { serveWebhooks } = await import('./webhook-receiver.ts');
  return serveWebhooks({ host, port: Number(blockWebhook.slice(at + 1)) }, secretIn(webhookSecretFile), blocking);
}

function secretIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new WebhookReceiverError(
      `the webhook secret cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
}
