/** The figures of a group at a glance. */
import type { ComponentChildren } from 'preact';
import { MODEL_NAMES } from '../../contract/features.ts';
import type { Stats } from '../../contract/status.ts';
import { numeral } from '../parts/wording.ts';

export function Tiles({ stats }: { stats: Stats }) {
  const { measured_alerts_per_host_day, alert_budget_per_host_day, predicted_alerts_per_host_day, webhook } = stats;
  const trained = MODEL_NAMES.filter((name) => stats.models_trained[name]);
  return (
    <dl class="tiles">
      <Tile name="Alerts, 24 h" value={numeral(stats.alerts_last_24h)}>
        in {numeral(stats.incidents_last_24h)} incidents
      </Tile>
      <Tile name="Incidents a host and day" value={numeral(measured_alerts_per_host_day)}>
        false ones: {numeral(alert_budget_per_host_day)} budgeted
        {predicted_alerts_per_host_day && `, ${numeral(predicted_alerts_per_host_day.expected)} predicted`}
      </Tile>
      <Tile name="Windows judged" value={numeral(stats.windows_total)}>
        in {numeral(stats.posts_total)} posts
      </Tile>
      <Tile name="Judged by" value={trained.length === 0 ? 'rules' : `rules, ${trained.length} models`}>
        {stats.model_version ?? 'no model is trained yet'}
      </Tile>
      <Tile
        name="Webhooks"
        value={webhook.configured ? `${numeral(webhook.delivered_total)} delivered` : 'none'}
        bad={webhook.dead > 0}
      >
        {webhook.configured
          ? `${numeral(webhook.pending)} waiting, ${numeral(webhook.dead)} given up`
          : 'nobody is told of incidents'}
      </Tile>
    </dl>
  );
}

interface TileProperties {
  readonly name: string;
  readonly value: string;
  readonly bad?: boolean;
  readonly children: ComponentChildren;
}

function Tile({ name, value, bad = false, children }: TileProperties) {
  return (
    <div class={bad ? 'tile bad' : 'tile'}>
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        <span>{children}</span>
      </dd>
    </div>
  );
}
