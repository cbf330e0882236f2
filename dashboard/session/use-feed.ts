/** The feed of the group that is looked at, as two numbers to depend on: its state, and how often something changed. */
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { type FeedState, follow } from './feed.ts';
import { EDGE_URL, type Session } from './session.ts';

/** A flood of changes makes the lists be read so often at most. */
const BETWEEN_READS_MS = 2_000;
/** Out of view the lists are read again so often, for the count in the title. */
const HIDDEN_EVERY_MS = 60_000;

export interface Feed {
  readonly state: FeedState;
  /** Grows with the changes; lists are read again when it does. */
  readonly changes: number;
}

const context = createContext<Feed>({ state: 'connecting', changes: 0 });
export const FeedProvider = context.Provider;
export const useFeed = (): Feed => useContext(context);

/**
 * Follows the session's group for as long as what uses it is shown. A tab out of view lets its connection go: a browser has six for
 * an edge that speaks HTTP/1.1, and the seventh tab would wait for ever.
 */
export function useFollowedFeed({ token, group, refused }: Session): Feed {
  const [state, setState] = useState<FeedState>('connecting');
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    let following = new AbortController();
    let timer: number | null = null;
    let read_ms = 0;
    const changed = (): void => {
      if (timer !== null) return;
      const wait_ms = Math.max(0, read_ms + BETWEEN_READS_MS - performance.now());
      timer = setTimeout(() => {
        timer = null;
        read_ms = performance.now();
        setChanges((count) => count + 1);
      }, wait_ms);
    };
    const seen = (): void => {
      following.abort();
      if (document.visibilityState === 'hidden') return;
      following = new AbortController();
      void follow({ url: EDGE_URL, token, group }, { changed, state: setState, refused }, following.signal);
    };
    seen();
    document.addEventListener('visibilitychange', seen);
    const unseen = setInterval(() => document.visibilityState === 'hidden' && changed(), HIDDEN_EVERY_MS);
    return () => {
      document.removeEventListener('visibilitychange', seen);
      clearInterval(unseen);
      following.abort();
      if (timer !== null) clearTimeout(timer);
    };
  }, [token, group, refused]);
  return { state, changes };
}
