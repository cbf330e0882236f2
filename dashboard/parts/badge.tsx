/** Levels and states as small marks; what they say stands in words, not in the colour alone. */
import type { IncidentState } from '../../contract/incident-state.ts';
import type { Level } from '../../contract/threats.ts';
import { STATE_NAMES } from './wording.ts';

export function LevelBadge({ level }: { level: Level }) {
  return <span class={`badge level-${level}`}>{level}</span>;
}

export function StateBadge({ state }: { state: IncidentState }) {
  return <span class={`badge state-${state}`}>{STATE_NAMES[state]}</span>;
}
