/** Incidents, a row each. */
import type { Incident } from '../../contract/incident.ts';
import { LevelBadge, StateBadge } from '../parts/badge.tsx';
import { ofNumbers, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { numeral, THREAT_NAMES } from '../parts/wording.ts';
import { hashOf } from '../route.ts';

const ATTACKERS_SHOWN = 2;

interface IncidentsProperties {
  readonly incidents: readonly Incident[];
  /** The campaign that they are shown as a part of: it needs no link. */
  readonly within?: string;
}

export function IncidentTable({ incidents, within }: IncidentsProperties) {
  return (
    <Table headings={['Level', 'What', 'Host', 'From', ofNumbers('Alerts'), 'Last seen', 'State']}>
      {incidents.map((incident) => (
        <tr key={incident.id}>
          <td>
            <LevelBadge level={incident.level} />
          </td>
          <td>
            <a href={hashOf('incidents', incident.id)}>{THREAT_NAMES[incident.primary_type]}</a>
            {incident.muted !== null && <span class="badge">not told</span>}
          </td>
          <td>{incident.host}</td>
          <td>
            <Attackers addresses={incident.attacking_ips} />
          </td>
          <td class="number">{numeral(incident.alerts)}</td>
          <td>
            <Ago at={incident.last_seen} />
          </td>
          <td>
            <StateBadge state={incident.state} />
            {incident.campaign_id !== null && incident.campaign_id !== within && (
              <>
                {' '}
                <a href={hashOf('campaigns', incident.campaign_id)}>campaign</a>
              </>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

export function Attackers({ addresses }: { addresses: readonly string[] }) {
  if (addresses.length === 0) return <span title="no source stands out">–</span>;
  const more = addresses.length - ATTACKERS_SHOWN;
  return (
    <span title={addresses.join(', ')}>
      {addresses.slice(0, ATTACKERS_SHOWN).join(', ')}
      {more > 0 && ` and ${more} more`}
    </span>
  );
}
