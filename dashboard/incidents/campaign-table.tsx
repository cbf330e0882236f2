/** Campaigns, a row each. */
import type { Campaign } from '../../contract/campaign.ts';
import { LevelBadge, StateBadge } from '../parts/badge.tsx';
import { ofNumbers, Table } from '../parts/table.tsx';
import { Ago } from '../parts/time.tsx';
import { numeral, THREAT_NAMES } from '../parts/wording.ts';
import { hashOf } from '../route.ts';
import { Attackers } from './incident-table.tsx';

export function CampaignTable({ campaigns }: { campaigns: readonly Campaign[] }) {
  return (
    <Table
      caption="One attack on several hosts"
      headings={['Level', 'What', ofNumbers('Hosts'), 'From', ofNumbers('Alerts'), 'Last seen', 'State']}
    >
      {campaigns.map(({ id, level, primary_type, hosts, attacking_ips, alerts, last_seen, state }) => (
        <tr key={id}>
          <td>
            <LevelBadge level={level} />
          </td>
          <td>
            <a href={hashOf('campaigns', id)}>{THREAT_NAMES[primary_type]}</a>
          </td>
          <td class="number">{numeral(hosts)}</td>
          <td>
            <Attackers addresses={attacking_ips} />
          </td>
          <td class="number">{numeral(alerts)}</td>
          <td>
            <Ago at={last_seen} />
          </td>
          <td>
            <StateBadge state={state} />
          </td>
        </tr>
      ))}
    </Table>
  );
}
