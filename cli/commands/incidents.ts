/** `vigia incidents`: what an edge has found, and what people say to it. */
import { type Command, Option } from 'commander';
import { INCIDENT_STATES, type Incident, type IncidentPatch } from '../../contract/incident.ts';
import { callEdge, type EdgeOptions, edgeCommand } from '../call-edge.ts';
import { positiveInteger } from '../option-values.ts';
import { printable, tableLines } from '../table.ts';

interface ListOptions extends EdgeOptions {
  group?: string;
  host?: string;
  state?: Incident['state'];
  limit?: number;
  cursor?: string;
}

interface PatchOptions extends EdgeOptions {
  note?: string;
}

/** Attackers named on a line; the rest is counted. */
const MOST_ATTACKERS = 2;

export function register(program: Command): void {
  const incidents = program.command('incidents').description('what an edge has found, and what you say to it');
  edgeCommand(incidents, 'list', 'read', { isDefault: true })
    .description('the newest first')
    .option('--group <NAME>', "another than the token's own")
    .option('--host <NAME>', 'of one host')
    .addOption(new Option('--state <STATE>', 'in one state').choices(INCIDENT_STATES))
    .option('--limit <N>', 'so many, 50 where it is left out', positiveInteger)
    .option('--cursor <CURSOR>', 'those after a page, as its end names them')
    .action(list);
  edgeCommand(incidents, 'show', 'read')
    .description('one, with its evidence')
    .argument('<ID>', 'as the list names it')
    .action(show);
  patchCommand(incidents, 'ack', 'acknowledged').description('you look after it');
  patchCommand(incidents, 'false-alarm', 'false_alarm').description(
    'it was none: training takes its windows as normal',
  );
  incidents.addHelpText(
    'after',
    '\nExample:\n  vigia incidents list --state open\n  vigia incidents ack 0mv4k2f1x0a1b2c3d.default --note "our own auditors"',
  );
}

function patchCommand(parent: Command, name: string, state: IncidentPatch['state']): Command {
  return edgeCommand(parent, name, 'admin')
    .argument('<ID>', 'as the list names it')
    .option('--note <TEXT>', 'for those who come after')
    .action((id: string, options: PatchOptions) => patch(id, state, options));
}

async function list({ group, host, state, limit, cursor, ...edge }: ListOptions): Promise<void> {
  const page = await callEdge(edge)('GET /incidents', { query: { group, host, state, limit, cursor } });
  if (edge.json) {
    process.stdout.write(`${JSON.stringify(page)}\n`);
    return;
  }
  const lines = tableLines(
    ['id', 'last seen (UTC)', 'state', 'level', 'host', 'threat', 'alerts', 'attackers'],
    page.incidents.map((incident) => [
      incident.id,
      minute(incident.last_seen),
      incident.state,
      incident.level,
      incident.host,
      incident.primary_type,
      String(incident.alerts),
      attackers(incident),
    ]),
  );
  process.stdout.write(page.incidents.length === 0 ? 'no incidents\n' : `${lines.join('\n')}\n`);
  if (page.next !== null) process.stderr.write(`older ones: --cursor ${page.next}\n`);
}

async function show(id: string, edge: EdgeOptions): Promise<void> {
  const incident = await callEdge(edge)('GET /incidents/{id}', { path: { id } });
  process.stdout.write(edge.json ? `${JSON.stringify(incident)}\n` : described(incident));
}

async function patch(id: string, state: IncidentPatch['state'], { note, ...edge }: PatchOptions): Promise<void> {
  const incident = await callEdge(edge)('PATCH /incidents/{id}', { path: { id }, body: { state, note } });
  process.stdout.write(edge.json ? `${JSON.stringify(incident)}\n` : `${incident.id} is ${incident.state}\n`);
}

function described(incident: Incident): string {
  const { explanation } = incident;
  const facts: [string, string][] = [
    ['id', incident.id],
    ['state', incident.state],
    ['level', `${incident.level}, confidence ${incident.confidence.toFixed(2)}`],
    ['host', incident.host],
    ['threats', incident.threat_types.join(', ')],
    ['attackers', incident.attacking_ips.join(', ') || 'not known'],
    ['seen', `${incident.first_seen} to ${incident.last_seen}, ${incident.alerts} alerts`],
    ['models', incident.model_version ?? 'none: rules alone'],
    ...(incident.note === null ? [] : [['note', incident.note] satisfies [string, string]]),
    ...explanation.summary.map((sentence, i): [string, string] => [i === 0 ? 'why' : '', sentence]),
    ...explanation.rules.map(({ condition, observed }, i): [string, string] => [
      i === 0 ? 'rules' : '',
      `${condition} (${Object.entries(observed)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')})`,
    ]),
    ...explanation.models.map(({ model, p_value }, i): [string, string] => [
      i === 0 ? 'scores' : '',
      `${model}: p-value ${p_value.toExponential(2)}`,
    ]),
  ];
  return facts.map(([name, text]) => `${name.padEnd(10)} ${printable(text)}\n`).join('');
}

function attackers({ attacking_ips }: Incident): string {
  const named = attacking_ips.slice(0, MOST_ATTACKERS).join(' ');
  const more = attacking_ips.length - MOST_ATTACKERS;
  return more > 0 ? `${named} +${more}` : named;
}

function minute(instant: string): string {
  return new Date(instant).toISOString().slice(0, 16).replace('T', ' ');
}
