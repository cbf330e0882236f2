/** Maintenance windows: listed, announced from now on, ended. */
import { useState } from 'preact/hooks';
import { ConfirmedButton } from '../parts/confirmed.tsx';
import { Field } from '../parts/field.tsx';
import { Failure, Note } from '../parts/notice.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { OF_ACTIONS, Table } from '../parts/table.tsx';
import { Instant } from '../parts/time.tsx';
import { useAction } from '../parts/use-action.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';

const HOUR_MS = 3_600_000;
const HOURS = ['0.5', '1', '2', '4', '8', '24', '72'];

export function Maintenance() {
  const { call, group } = useSession();
  const { answer, error, reload } = useAnswer('GET /maintenance', { query: { group } });
  const action = useAction();
  const end = (id: string): void =>
    action.run(async () => {
      await call('DELETE /maintenance/{id}', { path: { id }, query: { group } });
      reload();
      return 'It has ended.';
    });
  return (
    <section>
      <h2>Maintenance</h2>
      {error && <Failure error={error} />}
      {answer?.maintenance.length === 0 && <Note>None is announced.</Note>}
      {answer && answer.maintenance.length > 0 && (
        <Table headings={['Hosts', 'From', 'Until', 'Only', 'Reason', OF_ACTIONS]}>
          {answer.maintenance.map(({ id, hosts, from, until, types, reason }) => (
            <tr key={id}>
              <td>
                <code>{hosts}</code>
              </td>
              <td>
                <Instant at={from} />
              </td>
              <td>
                <Instant at={until} />
              </td>
              <td>{types?.join(', ') ?? 'all types'}</td>
              <td>{reason}</td>
              <td>
                {Date.parse(until) > Date.now() && (
                  <ConfirmedButton label="End" question="End it?" disabled={action.running} onConfirm={() => end(id)} />
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      <Announcement onAnnounced={reload} />
      <Outcome action={action} />
    </section>
  );
}

function Announcement({ onAnnounced }: { onAnnounced: () => void }) {
  const { call, group } = useSession();
  const [hosts, setHosts] = useState('');
  const [hours, setHours] = useState('2');
  const [reason, setReason] = useState('');
  const action = useAction();
  const announce = (): void =>
    action.run(async () => {
      const now = Date.now();
      const from = new Date(now).toISOString();
      const until = new Date(now + Number(hours) * HOUR_MS).toISOString();
      await call('POST /maintenance', { query: { group }, body: { hosts: hosts.trim(), from, until, reason } });
      onAnnounced();
      return 'It is announced.';
    });
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        announce();
      }}
    >
      <Field label="Hosts" value={hosts} onValue={setHosts} placeholder="db-*" />
      <label>
        From now on, for
        <select value={hours} onChange={({ currentTarget }) => setHours(currentTarget.value)}>
          {HOURS.map((each) => (
            <option key={each} value={each}>
              {each} h
            </option>
          ))}
        </select>
      </label>
      <Field label="Reason" value={reason} onValue={setReason} />
      <button type="submit" disabled={action.running}>
        Announce
      </button>
      <Outcome action={action} />
    </form>
  );
}
