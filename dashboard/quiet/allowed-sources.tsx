/** Sources that may look like attackers, such as one's own scanner: listed, added, removed. */
import { useState } from 'preact/hooks';
import { ConfirmedButton } from '../parts/confirmed.tsx';
import { Field } from '../parts/field.tsx';
import { Failure, Note } from '../parts/notice.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { OF_ACTIONS, Table } from '../parts/table.tsx';
import { useAction } from '../parts/use-action.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';

export function AllowedSources() {
  const { call, group } = useSession();
  const { answer, error, reload } = useAnswer('GET /allowed_sources', { query: { group } });
  const [source, setSource] = useState('');
  const [reason, setReason] = useState('');
  const action = useAction();
  const allow = (): void =>
    action.run(async () => {
      const added = await call('POST /allowed_sources', { query: { group }, body: { source: source.trim(), reason } });
      reload();
      return `${added.source} is allowed.`;
    });
  const remove = (network: string): void =>
    action.run(async () => {
      await call('DELETE /allowed_sources', { query: { group, source: network } });
      reload();
      return `${network} is allowed no longer.`;
    });
  return (
    <section>
      <h2>Allowed sources</h2>
      {error && <Failure error={error} />}
      {answer?.allowed_sources.length === 0 && <Note>None is allowed.</Note>}
      {answer && answer.allowed_sources.length > 0 && (
        <Table headings={['Source', 'Reason', OF_ACTIONS]}>
          {answer.allowed_sources.map((allowed) => (
            <tr key={allowed.source}>
              <td>
                <code>{allowed.source}</code>
              </td>
              <td>{allowed.reason}</td>
              <td>
                <ConfirmedButton
                  label="Remove"
                  question="Tell of it again?"
                  disabled={action.running}
                  onConfirm={() => remove(allowed.source)}
                />
              </td>
            </tr>
          ))}
        </Table>
      )}
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          allow();
        }}
      >
        <Field label="Address or network" value={source} onValue={setSource} placeholder="192.0.2.0/24" />
        <Field label="Reason" value={reason} onValue={setReason} placeholder="our own scanner" />
        <button type="submit" disabled={action.running}>
          Allow
        </button>
      </form>
      <Outcome action={action} />
    </section>
  );
}
