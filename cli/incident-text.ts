/** What people read of incidents and campaigns: a line of each in a table, and the facts of one. */
import type { Campaign } from '../contract/campaign.ts';
import type { Incident, IncidentComment } from '../contract/incident.ts';
import { minute, printable, tableLines } from './table.ts';

/** Attackers named on a line of a table; the rest is counted. */
const MOST_ATTACKERS = 2;

/** What a fact is called, where it is not the line before that goes on; and its text. */
type Fact = readonly [name: string, text: string];

export function incidentTable(incidents: readonly Incident[]): string {
  if (incidents.length === 0) return 'no incidents\n';
  const headings = ['id', 'last seen (UTC)', 'state', 'level', 'host', 'threat', 'alerts', 'attackers'];
  const rows = incidents.map((incident) => [
    incident.id,
    minute(incident.last_seen),
    incident.muted?.alerts === incident.alerts ? `${incident.state}, not told` : incident.state,
    incident.level,
    incident.host,
    incident.primary_type,
    String(incident.alerts),
    attackers(incident),
  ]);
  return `${tableLines(headings, rows).join('\n')}\n`;
}

export function campaignTable(campaigns: readonly Campaign[]): string {
  if (campaigns.length === 0) return 'no campaigns\n';
  const headings = ['id', 'last seen (UTC)', 'state', 'level', 'hosts', 'threat', 'alerts', 'attackers'];
  const rows = campaigns.map((campaign) => [
    campaign.id,
    minute(campaign.last_seen),
    campaign.state,
    campaign.level,
    String(campaign.hosts),
    campaign.primary_type,
    String(campaign.alerts),
    attackers(campaign),
  ]);
  return `${tableLines(headings, rows).join('\n')}\n`;
}

export function incidentText(incident: Incident, comments: readonly IncidentComment[]): string {
  const { explanation, campaign_id, muted, alerts } = incident;
  return factLines([
    ['id', incident.id],
    ...named('campaign', campaign_id === null ? [] : [campaign_id]),
    ['state', incident.state],
    ['level', `${incident.level}, confidence ${incident.confidence.toFixed(2)}`],
    ['host', incident.host],
    ['threats', incident.threat_types.join(', ')],
    ['attackers', incident.attacking_ips.join(', ') || 'not known'],
    ['seen', `${incident.first_seen} to ${incident.last_seen}, ${counted(alerts)}`],
    ...named('not told', muted === null ? [] : [`${muted.alerts} of ${counted(alerts)}: ${muted.because}`]),
    ['models', incident.model_version ?? 'none: rules alone'],
    ...named('note', incident.note === null ? [] : [incident.note]),
    ...named('why', explanation.summary),
    ...named(
      'rules',
      explanation.rules.map(({ condition, observed }) => {
        const values = Object.entries(observed).map(([name, value]) => `${name} ${value}`);
        return `${condition} (${values.join(', ')})`;
      }),
    ),
    ...named(
      'scores',
      explanation.models.map(({ model, p_value }) => `${model}: p-value ${p_value.toExponential(2)}`),
    ),
    ...named('comments', comments.flatMap(commentLines)),
  ]);
}

export function campaignText(campaign: Campaign): string {
  const { hosts, first_hosts } = campaign;
  const more = hosts > first_hosts.length ? ` and ${hosts - first_hosts.length} more` : '';
  return factLines([
    ['campaign', campaign.id],
    ['state', campaign.state],
    ['level', `${campaign.level}, confidence ${campaign.confidence.toFixed(2)}`],
    ['joined by', campaign.joined_by === 'source' ? 'the same attacker' : 'the same threat within minutes'],
    ['hosts', `${hosts}: ${first_hosts.join(', ')}${more}`],
    ['threats', campaign.threat_types.join(', ')],
    ['attackers', campaign.attacking_ips.join(', ') || 'not known'],
    ['seen', `${campaign.first_seen} to ${campaign.last_seen}, ${counted(campaign.alerts)}`],
    ...named('note', campaign.note === null ? [] : [campaign.note]),
  ]);
}

function commentLines({ at, author, text }: IncidentComment): string[] {
  const [first = '', ...rest] = text.split('\n');
  return [`${minute(at)} ${author ?? 'unsigned'}: ${first}`, ...rest];
}

function named(name: string, texts: readonly string[]): Fact[] {
  return texts.map((text, i) => [i === 0 ? name : '', text]);
}

function factLines(facts: readonly Fact[]): string {
  return facts.map(([name, text]) => `${name.padEnd(10)} ${printable(text)}\n`).join('');
}

function attackers({ attacking_ips }: { readonly attacking_ips: readonly string[] }): string {
  const shown = attacking_ips.slice(0, MOST_ATTACKERS).join(' ');
  const more = attacking_ips.length - MOST_ATTACKERS;
  return more > 0 ? `${shown} +${more}` : shown;
}

const counted = (alerts: number): string => `${alerts} ${alerts === 1 ? 'alert' : 'alerts'}`;
