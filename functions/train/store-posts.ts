/** Writes a batch of the Queue into one object per group. */
import * as z from 'zod';
import { groupName } from '../../contract/quantity.ts';
import { sha256Hex } from '../http/sha256.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { gzipLines, writeWindows } from '../storage/window-objects.ts';
import { retryDelay } from './retry-delay.ts';
import { NOTHING_COUNTED, type TrainCounts } from './train-counts.ts';

/** Where messages come to that the Queue of windows has retried to the end: tried on, at ever longer intervals. */
export const DEAD_LETTER_QUEUE = 'vigia-windows-dead';

const windowPost = z.object({ group: groupName, id: z.string(), lines: z.string() });

/** As the Queue delivers it; what a body is remains to be seen. */
interface Delivered {
  readonly queue: string;
  readonly messages: readonly {
    readonly id: string;
    readonly timestamp: Date;
    readonly body: unknown;
    /** With this one. */
    readonly attempts: number;
    ack(): void;
    retry(options: { readonly delaySeconds: number }): void;
  }[];
}

/**
 * The object is named by the posts in it and stands in the hour of the first, so that the same batch delivered again
 * overwrites the same object. Messages of a group whose object was written are acknowledged; the others come again, later each time.
 * @returns what went wrong
 */
export async function storePosts(store: ObjectStore, { queue, messages }: Delivered): Promise<TrainCounts> {
  const isDeadLetter = queue === DEAD_LETTER_QUEUE;
  const counts = { ...NOTHING_COUNTED };
  const valid = messages.flatMap((message) => {
    const { success, data } = windowPost.safeParse(message.body);
    if (success) return { message, post: data };
    console.error(JSON.stringify({ level: 'error', event: 'foreign_message', queue, id: message.id }));
    counts.queue_foreign_messages++;
    message.ack();
    return [];
  });
  if (isDeadLetter) counts.queue_dead_letters = valid.filter(({ message }) => message.attempts === 1).length;
  for (const [group, delivered] of Map.groupBy(valid, ({ post }) => post.group)) {
    const posts = new Map(delivered.map(({ post }) => [post.id, post.lines]));
    const id = sha256Hex([...posts.keys()].sort().join('\n'));
    const at = delivered.reduce(
      (first, { message }) => (message.timestamp < first ? message.timestamp : first),
      new Date(),
    );
    try {
      await writeWindows(store, group, id, at, [gzipLines([...posts.values()].join(''))]);
      for (const { message } of delivered) message.ack();
    } catch (error) {
      counts.queue_retries += delivered.length;
      const facts = { queue, group, messages: delivered.length, message: String(error) };
      console.error(JSON.stringify({ level: 'error', event: 'windows_not_stored', ...facts }));
      for (const { message } of delivered) message.retry({ delaySeconds: retryDelay(message.attempts, isDeadLetter) });
    }
  }
  return counts;
}
