/** Writes a batch of the Queue into one object per group. */
import * as z from 'zod';
import { groupName } from '../../contract/quantity.ts';
import type { WindowPost } from '../../contract/stored-window.ts';
import { sha256Hex } from '../http/sha256.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { gzipLines, writeWindows } from '../storage/window-objects.ts';

const windowPost = z.object({ group: groupName, id: z.string(), lines: z.string() });

/**
 * The object is named by the posts in it and stands in the hour of the first, so that the same batch delivered again
 * overwrites the same object. Messages of a group whose object was written are acknowledged; the others come again.
 */
export async function storePosts(store: ObjectStore, batch: MessageBatch<WindowPost>): Promise<void> {
  const valid = batch.messages.filter((message) => {
    const known = windowPost.safeParse(message.body).success;
    if (!known) {
      console.error(JSON.stringify({ level: 'error', event: 'foreign_message', id: message.id }));
      message.ack();
    }
    return known;
  });
  for (const [group, messages] of Map.groupBy(valid, (message) => message.body.group)) {
    const posts = new Map(messages.map(({ body }) => [body.id, body.lines]));
    const id = sha256Hex([...posts.keys()].sort().join('\n'));
    const at = messages.reduce((first, { timestamp }) => (timestamp < first ? timestamp : first), new Date());
    try {
      await writeWindows(store, group, id, at, [gzipLines([...posts.values()].join(''))]);
      for (const message of messages) message.ack();
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', event: 'windows_not_stored', group, message: String(error) }));
      for (const message of messages) message.retry({ delaySeconds: 10 });
    }
  }
}
