/** An answer of the edge for a part of the page: asked when the part is shown, again when something changed or time has passed. */
import { useEffect, useState } from 'preact/hooks';
import type { JsonOperationName } from '../../contract/api.ts';
import type { Answer, Input } from '../../contract/client.ts';
import { useSession } from './session.ts';
import { useFeed } from './use-feed.ts';

export interface Asked<T> {
  /** The latest; it stays while it is asked again, also where that fails. Null: none came yet. */
  readonly answer: T | null;
  readonly error: Error | null;
  readonly reload: () => void;
}

/**
 * @param every_ms asked again after so long, while the page is in view
 * @param followed asked again whenever the live stream tells of a change
 */
export function useAnswer<N extends JsonOperationName>(
  name: N,
  input: Input<N>,
  { every_ms, followed = false }: { every_ms?: number; followed?: boolean } = {},
): Asked<Answer<N>> {
  const { call } = useSession();
  const { changes } = useFeed();
  const [state, setState] = useState<{ key: string; answer: Answer<N> | null; error: Error | null }>();
  const [asked, setAsked] = useState(0);
  const key = JSON.stringify(input);

  useEffect(() => {
    let current = true;
    call(name, input).then(
      (answer) => current && setState({ key, answer, error: null }),
      (error: Error) => {
        if (current) setState((before) => ({ key, answer: before?.key === key ? before.answer : null, error }));
      },
    );
    return () => {
      current = false;
    };
  }, [call, name, key, asked, followed ? changes : 0]);

  useEffect(() => {
    if (every_ms === undefined) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && setAsked((count) => count + 1), every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);

  const shown = state?.key === key ? state : null;
  return {
    answer: shown?.answer ?? null,
    error: shown?.error ?? null,
    reload: () => setAsked((count) => count + 1),
  };
}
