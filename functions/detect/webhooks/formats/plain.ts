/** Plain text, the link in the last line: for ntfy, scripts and chats that show what they are sent. */
import type { WebhookEvent } from '../../../../contract/webhook-event.ts';
import { noticeOf } from './notice.ts';

export function plainText(event: WebhookEvent): string {
  const { title, text, facts, link } = noticeOf(event);
  const lines = [title, text, ...facts.map(([label, value]) => `${label}: ${value}`), link ?? ''];
  return `${lines
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(/\p{Cc}+/gu, ' '))
    .join('\n')}\n`;
}
