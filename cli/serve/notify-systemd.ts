/** Tells systemd that the service serves, so that `systemctl start` returns then, and fails where it does not come to that. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from 'pino';

/**
 * Does nothing unless systemd waits for it (Type=notify); sd_notify(3). A unit needs NotifyAccess=all: it is a process of its own
 * that tells.
 */
export async function notifyReady(log: Logger): Promise<void> {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  try {
    await promisify(execFile)('systemd-notify', ['--ready']);
  } catch (error) {
    const remedy = 'without it systemd ends the service after a while; Type=exec in the unit does without';
    log.error({ event: 'systemd_not_told', message: String(error), remedy });
  }
}
