/** Tells systemd that the service does its work, so that `systemctl start` returns then, and fails where it does not come to that. */
import type { Logger } from 'pino';

/** Does nothing unless systemd waits for it (Type=notify); sd_notify(3). */
export async function notifyReady(log: Logger): Promise<void> {
  const socket = process.env.NOTIFY_SOCKET;
  if (socket === undefined) return;
  try {
    const { sendToUnixSocket } = await import('./libc.ts'); // which most commands never need
    sendToUnixSocket(socket, 'READY=1');
  } catch (error) {
    const remedy = 'systemd ends the service after a while; with Type=exec in the unit it does not wait to be told';
    log.error({ event: 'systemd_not_told', message: String(error), remedy });
  }
}
