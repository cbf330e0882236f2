/** A message of a Slack incoming webhook, in Block Kit. https://docs.slack.dev/reference/block-kit/blocks */
import type { WebhookEvent } from '../../../../contract/webhook-event.ts';
import { noticeOf } from './notice.ts';

/** Block Kit's limits, in characters. */
const HEADER = 150;
const SECTION = 3000;
const FIELD = 2000;
/** Above 4,000 Slack may cut the text that notifications show. */
const FALLBACK = 4000;

interface Text {
  readonly type: 'plain_text' | 'mrkdwn';
  readonly text: string;
}

type Block =
  | { readonly type: 'header'; readonly text: Text }
  | { readonly type: 'section'; readonly text: Text }
  | { readonly type: 'section'; readonly fields: readonly Text[] };

export interface SlackMessage {
  readonly text: string;
  readonly blocks: readonly Block[];
}

export function slackMessage(event: WebhookEvent): SlackMessage {
  const { title, text, facts, link } = noticeOf(event);
  const blocks: Block[] = [{ type: 'header', text: { type: 'plain_text', text: cut(title, HEADER) } }];
  if (text !== '') blocks.push({ type: 'section', text: mrkdwn(text, SECTION) });
  if (facts.length > 0)
    blocks.push({
      type: 'section',
      fields: facts.map(([label, value]) => mrkdwn(value, FIELD, `*${escaped(label)}*\n`)),
    });
  if (link !== null) blocks.push({ type: 'section', text: { type: 'mrkdwn', text: linked(link, 'Open in Vigía') } });
  return { text: mrkdwn(title, FALLBACK).text, blocks };
}

function mrkdwn(text: string, limit: number, before = ''): Text {
  return { type: 'mrkdwn', text: before + cut(escaped(text), limit - before.length).replace(/&[a-z]*…$/, '…') };
}

/** A link, and no button: Slack tells the app of every click on one, and shows an error where the app does not answer. */
function linked(url: string, text: string): string {
  return `<${escaped(url).replaceAll('|', '%7C')}|${text}>`;
}

/** Without this a user name such as `<!channel>` would call everybody. https://docs.slack.dev/messaging/formatting-message-text */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
