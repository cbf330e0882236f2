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

/** Serves from the first source on that watches an interface, be it there at the start or after a reload: before, there is nothing to block. */
export class ServedBlocking {
  readonly #config: CollectorConfig;
  readonly #blocking: Blocking;
  #served: { close(): void } | null = null;

  constructor(config: CollectorConfig, blocking: Blocking) {
    this.#config = config;
    this.#blocking = blocking;
  }

  /**
   * Does nothing where it is served already, or none of the sources watches an interface.
   * @throws ControlSocketError, WebhookReceiverError
   */
  async serveFor(sources: readonly string[]): Promise<void> {
    if (this.#served || !sources.some((spec) => spec.startsWith('ebpf:'))) return;
    const opened: { close(): void }[] = [{ close: () => this.#blocking.stop() }];
    const close = (): void => {
      for (const one of opened.splice(0).reverse()) one.close();
    };
    try {
      await this.#blocking.start();
      opened.push(await serveControlSocket(join(this.#config.spoolDir, CONTROL_SOCKET), this.#blocking));
      opened.push(await receiver(this.#config, this.#blocking));
    } catch (error) {
      close();
      throw error;
    }
    this.#served = { close };
  }

  close(): void {
    this.#served?.close();
    this.#served = null;
  }
}

async function receiver(config: CollectorConfig, blocking: Blocking): Promise<{ close(): void }> {
  const { blockWebhook, webhookSecretFile } = config;
  if (blockWebhook === null) return { close: () => {} };
  if (webhookSecretFile === null)
    throw new WebhookReceiverError(
      '--block-webhook needs --webhook-secret-file FILE, or the credential webhook.secret of systemd: only signed webhooks may block',
    );
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
      `the webhook secret cannot be read: ${error instanceof Error ? error.message : error}. Under the unit leave webhook-secret-file out: it hands over /etc/vigia/webhook.secret`,
    );
  }
}
