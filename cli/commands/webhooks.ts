/** `vigia webhooks`: the endpoints that an edge tells of incidents, here or deployed. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { fieldErrors } from '../../contract/problem.ts';
import { LEVELS } from '../../contract/threats.ts';
import type { Scope } from '../../contract/token.ts';
import { type DeadLetter, type EndpointView, newEndpoint, WEBHOOK_FORMATS } from '../../contract/webhook-endpoint.ts';
import { callEdge, type EdgeOptions, edgeCommand, tell } from '../call-edge.ts';
import { list as commaSeparated } from '../option-values.ts';
import { printable } from '../table.ts';

/** Dead letters in one answer. */
const PAGE = 500;

interface AddOptions extends EdgeOptions {
  format: string;
  url?: string;
  urlFile?: string;
  routingKeyFile?: string;
  minLevel?: string;
  events?: string[];
  types?: string[];
  groups?: string[];
}

/** The edge took the question, and the answer is bad news; or it was not asked. */
class WebhooksCommandError extends Error {
  override readonly name = 'WebhooksCommandError';
}

export function register(program: Command): void {
  const webhooks = program.command('webhooks').description('endpoints that are told of incidents');
  const subcommand = (name: string, description: string, scope: Scope = 'admin'): Command =>
    edgeCommand(webhooks, name, scope).description(description);
  subcommand('list', 'the endpoints and how each one does, without their secrets', 'read').action(list);
  subcommand('add', 'tell one more endpoint; prints its signing secret, this once')
    .argument('<ID>', 'a name for it: lower case letters, digits and -')
    .addOption(new Option('--format <FORMAT>', 'what it likes to be told in').choices(WEBHOOK_FORMATS).default('ocsf'))
    .option('--url <URL>', 'where it is (default for pagerduty: the Events API)')
    .option('--url-file <FILE>', 'holds the URL, - is stdin: for a URL that is a secret, as that of Slack is')
    .option('--routing-key-file <FILE>', 'holds the integration key of PagerDuty, - is stdin')
    .addOption(new Option('--min-level <LEVEL>', 'incidents of this level and above').choices(LEVELS))
    .option('--events <LIST>', 'only these events, such as threat.detected,incident.resolved', commaSeparated)
    .option('--types <LIST>', 'only these threats, such as port_scan,syn_flood', commaSeparated)
    .option('--groups <LIST>', 'only these groups', commaSeparated)
    .action(add);
  subcommand('remove', 'tell it no longer, and drop what waits for it').argument('<ID>').action(remove);
  subcommand('enable', 'tell it again').argument('<ID>').action(setEnabled(true));
  subcommand('disable', 'tell it nothing for now').argument('<ID>').action(setEnabled(false));
  subcommand('test', 'send it a message now').argument('<ID>').action(test);
  subcommand('rotate', 'print a new signing secret; the one before it signs too for a day')
    .argument('<ID>')
    .action(rotate);
  subcommand('dead', 'messages that were given up, the newest first', 'read').argument('<ID>').action(dead);
  subcommand('replay', 'send dead letters again')
    .argument('<ID>')
    .argument('[MESSAGE]', 'only this one')
    .action(replay);
  webhooks.addHelpText(
    'after',
    '\nExample:\n  vigia webhooks add oncall --format pagerduty --routing-key-file pagerduty.key --min-level high\n  vigia webhooks test oncall',
  );
}

async function list(edge: EdgeOptions): Promise<void> {
  const answer = await callEdge(edge)('GET /webhooks', {});
  tell(edge, answer, answer.endpoints.map((endpoint) => `${lineOf(endpoint)}\n`).join(''));
  process.stderr.write(`${answer.endpoints.length} endpoints\n`);
}

function lineOf(endpoint: EndpointView): string {
  const { id, format, target, enabled, disabled_reason, failing_since, last_error, waiting, dead } = endpoint;
  const failing = failing_since === null ? 'enabled' : `failing since ${failing_since} (${last_error})`;
  const state = enabled ? failing : `disabled${disabled_reason === null ? '' : ` (${disabled_reason})`}`;
  return printable(`${id}  ${format} ${target}  ${state}, ${waiting} waiting, ${dead} dead${filterOf(endpoint)}`);
}

function filterOf({ filter: { min_level, events, threat_types, groups } }: EndpointView): string {
  const parts = [...events, ...threat_types, ...groups.map((group) => `group ${group}`)];
  if (min_level !== 'none') parts.unshift(`${min_level} and above`);
  return parts.length === 0 ? '' : `, only ${parts.join(', ')}`;
}

async function add(id: string, options: AddOptions): Promise<void> {
  const { format, url, urlFile, routingKeyFile, minLevel, events, types, groups } = options;
  const wanted = newEndpoint.safeParse({
    id,
    format,
    url: urlFile === undefined ? url : contentOf(urlFile),
    ...(routingKeyFile !== undefined && { routing_key: contentOf(routingKeyFile) }),
    filter: { min_level: minLevel, events, threat_types: types, groups },
  });
  if (!wanted.success) {
    const wrong = fieldErrors(wanted.error).map(({ path, message }) => `\n  ${path}: ${message}`);
    throw new WebhooksCommandError(`${id} cannot be added:${wrong.join('')}`);
  }
  const answer = await callEdge(options)('POST /webhooks', { body: wanted.data });
  tell(options, answer, answer.secret === null ? '' : `${answer.secret}\n`);
  process.stderr.write(`${id} is told from now on; try it: vigia webhooks test ${id}\n`);
}

async function remove(id: string, edge: EdgeOptions): Promise<void> {
  const answer = await callEdge(edge)('DELETE /webhooks/{id}', { path: { id } });
  tell(edge, answer, `${id} is removed, and ${answer.dropped} messages with it\n`);
}

function setEnabled(enabled: boolean): (id: string, edge: EdgeOptions) => Promise<void> {
  return async (id, edge) => {
    const endpoint = await callEdge(edge)('PATCH /webhooks/{id}', { path: { id }, body: { enabled } });
    tell(edge, endpoint, `${lineOf(endpoint)}\n`);
  };
}

async function test(id: string, edge: EdgeOptions): Promise<void> {
  const answer = await callEdge(edge)('POST /webhooks/{id}/test', { path: { id } });
  tell(edge, answer, answer.delivered ? `${id} took the test\n` : '');
  if (!answer.delivered) throw new WebhooksCommandError(`${id} did not take the test: ${answer.error}`);
}

async function rotate(id: string, edge: EdgeOptions): Promise<void> {
  const answer = await callEdge(edge)('POST /webhooks/{id}/rotate', { path: { id } });
  tell(edge, answer, `${answer.secret}\n`);
  process.stderr.write(`what signed before signs too until ${answer.previous_until}\n`);
}

/** By `--json` a letter a line. */
async function dead(id: string, edge: EdgeOptions): Promise<void> {
  const call = callEdge(edge);
  let cursor: string | undefined;
  do {
    const page = await call('GET /webhooks/{id}/dead', { path: { id }, query: { limit: PAGE, cursor } });
    for (const letter of page.dead) tell(edge, letter, `${letterLine(letter)}\n`);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
}

function letterLine({ message, event, incident_id, created_at, attempts, last_error }: DeadLetter): string {
  return printable(`${message}  ${event} ${incident_id ?? ''} of ${created_at}, ${attempts} attempts: ${last_error}`);
}

async function replay(id: string, message: string | undefined, edge: EdgeOptions): Promise<void> {
  const call = callEdge(edge);
  const answer =
    message === undefined
      ? await call('POST /webhooks/{id}/dead/replay', { path: { id } })
      : await call('POST /webhooks/{id}/dead/{message}/replay', { path: { id, message } });
  tell(edge, answer, `${answer.replayed} on their way again\n`);
}

function contentOf(file: string): string {
  return readFileSync(file === '-' ? 0 : file, 'utf8').trim();
}
