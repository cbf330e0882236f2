/** Every group that the reader may see, where there are several: which of them needs somebody. */
import type { ListedGroup } from '../../contract/group-list.ts';
import { Failure, Note } from '../parts/notice.tsx';
import { ofNumbers, Table } from '../parts/table.tsx';
import { numeral } from '../parts/wording.ts';
import { hashOf } from '../route.ts';
import { useAnswer } from '../session/use-answer.ts';

const EVERY_MS = 30_000;

export function Groups() {
  const { answer, error } = useAnswer('GET /groups', {}, { every_ms: EVERY_MS });
  const groups = answer?.groups ?? [];
  return (
    <>
      {error && <Failure error={error} />}
      {groups.length > 1 && (
        <section>
          <h2>Groups</h2>
          <GroupTable groups={groups} />
          {answer?.others && <Note>There are more groups, which are not told apart: write the name of one above.</Note>}
        </section>
      )}
    </>
  );
}

function GroupTable({ groups }: { groups: readonly ListedGroup[] }) {
  return (
    <Table
      headings={[
        'Group',
        ofNumbers('Open'),
        ofNumbers('Acknowledged'),
        ofNumbers('Not told'),
        ofNumbers('Incidents, 24 h'),
        ofNumbers('Windows judged'),
      ]}
    >
      {groups.map(({ group, incidents, incidents_last_24h, windows_total }) => (
        <tr key={group}>
          <td>
            <a href={hashOf('live', null, { group })}>{group}</a>
          </td>
          <td class="number">{numeral(incidents.open)}</td>
          <td class="number">{numeral(incidents.acknowledged)}</td>
          <td class="number">{numeral(incidents.muted)}</td>
          <td class="number">{numeral(incidents_last_24h)}</td>
          <td class="number">{numeral(windows_total)}</td>
        </tr>
      ))}
    </Table>
  );
}
