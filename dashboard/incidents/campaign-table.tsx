/** Campaigns, a row each. */
import type { Campaign } from '../../contract/campaign.ts';
import { LevelBadge, StateBadge } from '../parts/badge.tsx';
import { Ago } from '../parts/time.tsx';
import { numeral, THREAT_NAMES } from '../parts/wording.ts';
import { hashOf } from '../route.ts';
import { Attackers } from './incident-table.tsx';

export function CampaignTable({ campaigns }: { campaigns: readonly Campaign[] }) {
  return (
    <div class="scrolled">
      <table>
        <caption>One attack on several hosts</caption>
        <thead>
          <tr>
            <th scope="col">Level</th>
            <th scope="col">What</th>
            <th scope="col" class="number">
              Hosts
            </th>
            <th scope="col">From</th>
            <th scope="col" class="number">
              Alerts
            </th>
            <th scope="col">Last seen</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
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
        </tbody>
      </table>
    </div>
  );
}
