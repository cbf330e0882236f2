/** The live stream of a group: opened anew wherever it ends, behind the last event that came. EventSource can send no token. */
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { API_PREFIX, refusalOf } from '../../contract/client.ts';

export type FeedState = 'connecting' | 'live' | 'lost';

export interface FeedListener {
  /** Something changed, or may have while nobody listened. */
  readonly changed: () => void;
  readonly state: (state: FeedState) => void;
  readonly refused: (why: string) => void;
}

export interface FeedPlace {
  readonly url: string;
  readonly token: string | undefined;
  readonly group: string | undefined;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** Three of the edge's heartbeats: a connection that a sleeping machine or a proxy forgot says nothing of it. */
const LONGEST_SILENCE_MS = 45_000;

/** Follows until `signal` aborts or the token is refused. Waits twice as long after each failure, up to half a minute. */
export async function follow(place: FeedPlace, listener: FeedListener, signal: AbortSignal): Promise<void> {
  let last = '';
  let wait_ms = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const answer = await open(place, last, signal);
      if (answer.status === 401) {
        const { detail, title } = refusalOf(answer.url, answer.status, await answer.text());
        listener.refused(detail ?? title);
        return;
      }
      if (!answer.ok) listener.state('lost');
      else
        for await (const id of events(answer)) {
          last = id;
          wait_ms = FIRST_WAIT_MS;
          listener.state('live');
          listener.changed();
        }
      // A stream ends after half an hour at the latest, by design.
    } catch {
      // Whatever broke the connection, the answer is to try again, and to say that it is lost.
      if (!signal.aborted) listener.state('lost');
    }
    await pause(wait_ms * (0.5 + Math.random() / 2), signal);
    wait_ms = Math.min(2 * wait_ms, LONGEST_WAIT_MS);
  }
}

/** The answer, whose body breaks off when nothing came for too long. */
async function open({ url, token, group }: FeedPlace, last: string, signal: AbortSignal): Promise<Response> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(last !== '' && { 'last-event-id': last }),
  };
  const path = `${API_PREFIX.slice(1)}/incidents/stream?${new URLSearchParams(group === undefined ? {} : { group })}`;
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), LONGEST_SILENCE_MS);
  const answer = await fetch(new URL(path, url), { headers, signal: AbortSignal.any([signal, silent.signal]) });
  const heard = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), LONGEST_SILENCE_MS);
      controller.enqueue(chunk);
    },
  });
  return new Response(answer.body?.pipeThrough(heard), answer);
}

/** The id of each event. */
async function* events(answer: Response): AsyncGenerator<string> {
  const reader = answer.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) return;
    yield next.value.id ?? '';
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
