/** `vigia incidents`: what an edge has found, incidents and campaigns, and what people say to it. */
import { type Command, Option } from 'commander';
import type { Campaign } from '../../contract/campaign.ts';
import { type Client, RefusedError } from '../../contract/client.ts';
import type { Incident, IncidentPatch } from '../../contract/incident.ts';
import { INCIDENT_STATES } from '../../contract/incident-state.ts';
import { LEVELS, THREAT_TYPES, type ThreatType } from '../../contract/threats.ts';
import { callEdge, type EdgeOptions, edgeCommand, GROUP_HELP, tell } from '../call-edge.ts';
import { campaignTable, campaignText, incidentTable, incidentText } from '../incident-text.ts';
import { positiveInteger, timeOrAgo } from '../option-values.ts';
import { tableLines } from '../table.ts';

interface PageOptions extends EdgeOptions {
  group?: string;
  limit?: number;
  cursor?: string;
}

interface ListOptions extends PageOptions {
  host?: string;
  state?: Incident['state'];
  level?: Incident['level'];
  type?: ThreatType;
  since?: string;
  campaign?: string;
}

/** What an id is of, which its form does not say. */
type Found = { readonly incident: Incident } | { readonly campaign: Campaign };

const ID_HELP = 'of an incident or a campaign, as a list or a message names it';

/** The edge knows nothing by this id. */
class UnknownIdError extends Error {
  override readonly name = 'UnknownIdError';
}

export function register(program: Command): void {
  const incidents = program.command('incidents').description('what an edge has found, and what you say to it');
  paged(edgeCommand(incidents, 'list', 'read', { isDefault: true }).description('the newest first'))
    .option('--host <NAME>', 'of one host')
    .addOption(new Option('--state <STATE>', 'in one state').choices(INCIDENT_STATES))
    .addOption(new Option('--level <LEVEL>', 'of this level and above').choices(LEVELS))
    .addOption(new Option('--type <THREAT>', 'with this threat').choices(THREAT_TYPES))
    .option('--since <TIME>', 'with an alert since: 2h is two hours ago; or 2026-11-20T10:00:00Z', timeOrAgo)
    .option('--campaign <ID>', 'of one campaign')
    .action(list);
  paged(
    edgeCommand(incidents, 'campaigns', 'read').description('incidents that are one attack, the newest first'),
  ).action(listCampaigns);
  edgeCommand(incidents, 'groups', 'read')
    .description('how each group stands, the one with most open first')
    .action(listGroups);
  edgeCommand(incidents, 'show', 'read')
    .description('one with its evidence and comments, or a campaign with its incidents')
    .argument('<ID>', ID_HELP)
    .action(show);
  patchCommand(incidents, 'ack', 'acknowledged', 'you look after it');
  patchCommand(incidents, 'resolve', 'resolved', 'it is over; another alert reopens it');
  patchCommand(incidents, 'false-alarm', 'false_alarm', 'it was none: training takes its windows as normal');
  edgeCommand(incidents, 'comment', 'admin')
    .description('write below an incident; a campaign takes a note instead (ack --note)')
    .argument('<ID>', 'of an incident')
    .argument('<TEXT>', 'shown to whoever looks at it next')
    .option('--author <NAME>', 'as you call yourself: a token names nobody')
    .action(comment);
  incidents.addHelpText(
    'after',
    `
Example:
  vigia incidents groups
  vigia incidents list --state open --level high --since 2h
  vigia incidents show 0mv4k2f1x0a1b2c3d.default
  vigia incidents comment 0mv4k2f1x0a1b2c3d.default "asked the owner of db-1" --author night-shift
  vigia incidents ack 0mv4k2f1x0a1b2c3d.default --note "our own auditors"
What is said of a campaign is said of its incidents too: docs/incidents.md.`,
  );
}

function paged(command: Command): Command {
  return command
    .option('--group <NAME>', GROUP_HELP)
    .option('--limit <N>', 'so many, 50 where it is left out', positiveInteger)
    .option('--cursor <CURSOR>', 'those after a page, as its end names them');
}

function patchCommand(parent: Command, name: string, state: IncidentPatch['state'], description: string): void {
  edgeCommand(parent, name, 'admin')
    .summary(description)
    .description(`${description}; of a campaign, its incidents too`)
    .argument('<ID>', ID_HELP)
    .option('--note <TEXT>', 'for those who come after')
    .action(async (id: string, { note, ...edge }: EdgeOptions & { note?: string }) => {
      const call = callEdge(edge);
      const asked = { path: { id }, body: { state, note } };
      if ('incident' in (await incidentOrCampaign(call, id))) {
        const incident = await call('PATCH /incidents/{id}', asked);
        tell(edge, incident, `${id} is ${incident.state}\n`);
        return;
      }
      const campaign = await call('PATCH /campaigns/{id}', asked);
      tell(edge, campaign, `${id}, a campaign on ${campaign.hosts} hosts, is ${campaign.state} with its incidents\n`);
    });
}

async function listGroups(edge: EdgeOptions): Promise<void> {
  const answer = await callEdge(edge)('GET /groups', {});
  const headings = ['group', 'open', 'acknowledged', 'not told', 'in 24 h', 'windows'];
  const rows = answer.groups.map(({ group, incidents, incidents_last_24h, windows_total }) => [
    group,
    ...[incidents.open, incidents.acknowledged, incidents.muted, incidents_last_24h, windows_total].map(String),
  ]);
  tell(edge, answer, rows.length === 0 ? 'no group has posted yet\n' : `${tableLines(headings, rows).join('\n')}\n`);
  if (answer.others && !edge.json) process.stderr.write('there are more groups, which are not told apart\n');
}

async function list({ group, host, state, level, type, since, campaign, limit, cursor, ...edge }: ListOptions) {
  // A campaign's id ends in the group that its incidents are of.
  const about = group ?? campaign?.match(/\.(.+)$/)?.[1];
  const query = { group: about, host, state, level, type, since, campaign, limit, cursor };
  const page = await callEdge(edge)('GET /incidents', { query });
  tell(edge, page, incidentTable(page.incidents));
  tellOlder(edge, page.next);
}

async function listCampaigns({ group, limit, cursor, ...edge }: PageOptions): Promise<void> {
  const page = await callEdge(edge)('GET /campaigns', { query: { group, limit, cursor } });
  tell(edge, page, campaignTable(page.campaigns));
  tellOlder(edge, page.next);
}

/** Programs find it in the answer. */
function tellOlder({ json }: EdgeOptions, next: string | null, command = ''): void {
  if (next !== null && !json) process.stderr.write(`older ones: ${command}--cursor ${next}\n`);
}

/** By `--json` an incident also has its `comments`; a campaign the first page of its `incidents`, and where the `next` is. */
async function show(id: string, edge: EdgeOptions): Promise<void> {
  const call = callEdge(edge);
  const found = await incidentOrCampaign(call, id);
  if ('incident' in found) {
    const { comments } = await call('GET /incidents/{id}/comments', { path: { id } });
    tell(edge, { ...found.incident, comments }, incidentText(found.incident, comments));
    return;
  }
  const { campaign } = found;
  const page = await call('GET /incidents', { query: { group: campaign.group, campaign: id } });
  tell(edge, { ...campaign, ...page }, `${campaignText(campaign)}\n${incidentTable(page.incidents)}`);
  tellOlder(edge, page.next, `vigia incidents list --campaign ${id} `);
}

async function comment(id: string, text: string, { author, ...edge }: EdgeOptions & { author?: string }) {
  const added = await callEdge(edge)('POST /incidents/{id}/comments', { path: { id }, body: { text, author } });
  tell(edge, added, `${id} has a comment of ${added.at}\n`);
}

/** By reading alone: an edge writes down who tries to change what, also where there is nothing of that id. @throws UnknownIdError where it is neither */
async function incidentOrCampaign(call: Client, id: string): Promise<Found> {
  try {
    return { incident: await call('GET /incidents/{id}', { path: { id } }) };
  } catch (error) {
    if (!isUnknown(error)) throw error;
  }
  try {
    return { campaign: await call('GET /campaigns/{id}', { path: { id } }) };
  } catch (cause) {
    if (!isUnknown(cause)) throw cause;
    const lists = '"vigia incidents list" and "vigia incidents campaigns" name those that are kept';
    throw new UnknownIdError(`there is no incident and no campaign ${id}; ${lists}`, { cause });
  }
}

/** What stands there instead of an edge has no title. */
function isUnknown(error: unknown): boolean {
  return error instanceof RefusedError && error.status === 404 && error.title !== '';
}
