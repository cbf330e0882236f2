/** Incidents, a row each. */
import type { Incident } from '../../contract/incident.ts';
import { LevelBadge, StateBadge } from '../parts/badge.tsx';
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
    <div class="scrolled">
      <table>
        <thead>
          <tr>
            <th scope="col">Level</th>
            <th scope="col">What</th>
            <th scope="col">Host</th>
            <th scope="col">From</th>
            <th scope="col" class="number">
              Alerts
            </th>
            <th scope="col">Last seen</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
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
        </tbody>
      </table>
    </div>
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
