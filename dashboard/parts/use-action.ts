/** Something that the user does to the edge: under way, failed with a reason, or done. One at a time. */
import { useState } from 'preact/hooks';

export interface Action {
  readonly running: boolean;
  readonly error: Error | null;
  readonly done: string | null;
  /** @param does answers what is said once it is done */
  readonly run: (does: () => Promise<string>) => void;
}

export function useAction(): Action {
  const [state, setState] = useState<Omit<Action, 'run'>>({ running: false, error: null, done: null });
  const run = (does: () => Promise<string>): void => {
    if (state.running) return;
    setState({ running: true, error: null, done: null });
    does().then(
      (done) => setState({ running: false, error: null, done }),
      (error: Error) => setState({ running: false, error, done: null }),
    );
  };
  return { ...state, run };
}
