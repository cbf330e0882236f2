/** Brings the windows of a post into storage, by the Queue or durably before the answer. */
import type { Result } from '../../../contract/result.ts';
import type { WindowPost } from '../../../contract/stored-window.ts';
import { HttpProblem } from '../../http/problem.ts';
import type { Bindings } from '../bindings.ts';
import type { Window } from '../read-request.ts';
import { isolate } from '../services.ts';

/** A Queue message holds at most 128 KB; this leaves room for its envelope and for two-byte characters. */
const MESSAGE_CHARACTERS = 60_000;

/** The stored lines of a post, each window with the mark of its verdict. */
export function toPost(group: string, id: string, windows: readonly Window[], results: readonly Result[]): WindowPost {
  let lines = '';
  for (const [index, window] of windows.entries()) {
    const result = results[index];
    const marked = result?.threat_detected
      ? { ...window, alerted: true, threat_types: result.threat_types, judged_by: result.model_version }
      : window;
    lines += `${JSON.stringify(marked)}\n`;
  }
  return { group, id, lines };
}

/**
 * @param posts of one group
 * @throws HttpProblem 503 where the windows could not be taken; the client repeats the post
 */
export async function deliverWindows(
  group: string,
  posts: WindowPost[],
  { windowQueue, windowBuffer }: Pick<Bindings, 'windowQueue' | 'windowBuffer'>,
): Promise<void> {
  if (windowQueue !== null) {
    for (const part of posts.flatMap(split)) await windowQueue.send(part, { contentType: 'json' });
    return;
  }
  if (await windowBuffer.getByName(group).append(posts)) return;
  isolate.metrics.tally.add(group, 'ml_detector_window_posts_refused_total', {}, posts.length);
  throw storageFull();
}

function storageFull(): HttpProblem {
  return new HttpProblem(
    503,
    'Storage takes no windows at the moment; nothing of the post was kept. Post it again later.',
    {
      headers: { 'retry-after': '30' },
    },
  );
}

function split(post: WindowPost): WindowPost[] {
  if (post.lines.length <= MESSAGE_CHARACTERS) return [post];
  const parts: string[] = [];
  let part = '';
  for (const line of post.lines.split('\n')) {
    if (part.length + line.length > MESSAGE_CHARACTERS) {
      parts.push(part);
      part = '';
    }
    if (line !== '') part += `${line}\n`;
  }
  parts.push(part);
  return parts.map((lines, index) => ({ group: post.group, id: `${post.id}-${index}`, lines }));
}
