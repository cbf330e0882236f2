/** What a person answers to an incident or campaign: seen, over, or a false alarm, with a note. */
import { useState } from 'preact/hooks';
import type { IncidentPatch } from '../../contract/incident.ts';
import type { IncidentState } from '../../contract/incident-state.ts';
import { ConfirmedButton } from '../parts/confirmed.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { useAction } from '../parts/use-action.ts';
import { STATE_NAMES } from '../parts/wording.ts';

const ANSWERS = [
  ['acknowledged', 'Acknowledge'],
  ['resolved', 'Resolve'],
] as const;

interface AnswerProperties {
  readonly state: IncidentState;
  /** Answers once the edge has taken it. */
  readonly onAnswer: (patch: IncidentPatch) => Promise<unknown>;
}

export function AnswerForm({ state, onAnswer }: AnswerProperties) {
  const [note, setNote] = useState('');
  const action = useAction();
  const answer = (to: IncidentPatch['state']): void =>
    action.run(async () => {
      await onAnswer({ state: to, ...(note.trim() !== '' && { note: note.trim() }) });
      setNote('');
      return `Marked as ${STATE_NAMES[to]}.`;
    });
  return (
    <section class="row">
      <label class="wide">
        Note
        <input
          value={note}
          maxLength={1000}
          placeholder="why; optional"
          onInput={({ currentTarget }) => setNote(currentTarget.value)}
        />
      </label>
      {ANSWERS.map(([to, label]) => (
        <button key={to} type="button" disabled={action.running || state === to} onClick={() => answer(to)}>
          {label}
        </button>
      ))}
      <ConfirmedButton
        label="False alarm"
        question="Learn it as normal?"
        disabled={action.running || state === 'false_alarm'}
        onConfirm={() => answer('false_alarm')}
      />
      <Outcome action={action} />
    </section>
  );
}
