/** How an action of the user ended. */
import { Failure, Note } from './notice.tsx';
import type { Action } from './use-action.ts';

export function Outcome({ action: { running, error, done } }: { action: Action }) {
  if (running) return <Note>Asking the edge…</Note>;
  if (error !== null) return <Failure error={error} />;
  return done === null ? null : <Note tone="good">{done}</Note>;
}
