/** `vigia webhooks`: the endpoints that an edge tells of incidents, here or deployed. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import * as z from 'zod';
import { LEVELS } from '../../contract/threats.ts';
import { deadLetter, type EndpointView, endpointView, WEBHOOK_FORMATS } from '../../contract/webhook-endpoint.ts';
import { askEdge, type EdgeAccess } from '../ask-edge.ts';
import { list as commaSeparated } from '../option-values.ts';

const PAGE = 500;

const listing = z.object({ endpoints: z.array(endpointView) });
const created = z.object({ secret: z.string().nullable() });
const tested = z.object({ delivered: z.boolean(), error: z.string().nullable() });
const rotated = z.object({ secret: z.string(), previous_until: z.string() });
const deadPage = z.object({ dead: z.array(deadLetter), next: z.string().nullable() });
const replayed = z.object({ replayed: z.number() });
const removed = z.object({ dropped: z.number() });

interface AddOptions extends EdgeAccess {
  format: string;
  url?: string;
  urlFile?: string;
  routingKeyFile?: string;
  minLevel?: string;
  events?: string[];
  types?: string[];
  groups?: string[];
}

/** The edge took the question, and the answer is bad news. */
class WebhooksCommandError extends Error {
  override readonly name = 'WebhooksCommandError';
}

export function register(program: Command): void {
  const webhooks = program.command('webhooks').description('endpoints that are told of incidents');
  const subcommand = (name: string, description: string): Command =>
    webhooks
      .command(name)
      .description(description)
      .option('--to <URL>', 'the edge', 'http://127.0.0.1:8787')
      .option('--token-file <FILE>', 'holds a token of the scope admin; read is enough for list and dead');
  subcommand('list', 'the endpoints and how each one does, without their secrets').action(list);
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
  subcommand('dead', 'messages that were given up, the newest first').argument('<ID>').action(dead);
  subcommand('replay', 'send dead letters again')
    .argument('<ID>')
    .argument('[MESSAGE]', 'only this one')
    .action(replay);
  webhooks.addHelpText(
    'after',
    '\nExample:\n  vigia webhooks add oncall --format pagerduty --routing-key-file pagerduty.key --min-level high\n  vigia webhooks test oncall',
  );
}

async function list(access: EdgeAccess): Promise<void> {
  const { endpoints } = listing.parse(await askEdge(access, 'GET', '/webhooks'));
  for (const endpoint of endpoints) process.stdout.write(`${lineOf(endpoint)}\n`);
  process.stderr.write(`${endpoints.length} endpoints\n`);
}

function lineOf(endpoint: EndpointView): string {
  const { id, format, target, enabled, disabled_reason, failing_since, last_error, waiting, dead } = endpoint;
  const failing = failing_since === null ? 'enabled' : `failing since ${failing_since} (${last_error})`;
  const state = enabled ? failing : `disabled${disabled_reason === null ? '' : ` (${disabled_reason})`}`;
  return `${id}  ${format} ${target}  ${state}, ${waiting} waiting, ${dead} dead${filterOf(endpoint)}`;
}

function filterOf({ filter: { min_level, events, threat_types, groups } }: EndpointView): string {
  const parts = [...events, ...threat_types, ...groups.map((group) => `group ${group}`)];
  if (min_level !== 'none') parts.unshift(`${min_level} and above`);
  return parts.length === 0 ? '' : `, only ${parts.join(', ')}`;
}

async function add(id: string, options: AddOptions): Promise<void> {
  const { format, url, urlFile, routingKeyFile, minLevel, events, types, groups } = options;
  const address = urlFile === undefined ? url : contentOf(urlFile);
  const { secret } = created.parse(
    await askEdge(options, 'POST', '/webhooks', {
      id,
      format,
      ...(address !== undefined && { url: address }),
      ...(routingKeyFile !== undefined && { routing_key: contentOf(routingKeyFile) }),
      filter: { min_level: minLevel, events, threat_types: types, groups },
    }),
  );
  if (secret !== null) process.stdout.write(`${secret}\n`);
  process.stderr.write(`${id} is told from now on; try it: vigia webhooks test ${id}\n`);
}

async function remove(id: string, access: EdgeAccess): Promise<void> {
  const { dropped } = removed.parse(await askEdge(access, 'DELETE', pathOf(id)));
  process.stdout.write(`${id} is removed, and ${dropped} messages with it\n`);
}

function setEnabled(enabled: boolean): (id: string, access: EdgeAccess) => Promise<void> {
  return async (id, access) => {
    const endpoint = endpointView.parse(await askEdge(access, 'PATCH', pathOf(id), { enabled }));
    process.stdout.write(`${lineOf(endpoint)}\n`);
  };
}

async function test(id: string, access: EdgeAccess): Promise<void> {
  const { delivered, error } = tested.parse(await askEdge(access, 'POST', `${pathOf(id)}/test`));
  if (!delivered) throw new WebhooksCommandError(`${id} did not take the test: ${error}`);
  process.stdout.write(`${id} took the test\n`);
}

async function rotate(id: string, access: EdgeAccess): Promise<void> {
  const { secret, previous_until } = rotated.parse(await askEdge(access, 'POST', `${pathOf(id)}/rotate`));
  process.stdout.write(`${secret}\n`);
  process.stderr.write(`what signed before signs too until ${previous_until}\n`);
}

async function dead(id: string, access: EdgeAccess): Promise<void> {
  let before: string | null = null;
  do {
    const query: string = before === null ? '' : `&before=${encodeURIComponent(before)}`;
    const page = deadPage.parse(await askEdge(access, 'GET', `${pathOf(id)}/dead?limit=${PAGE}${query}`));
    for (const { message, event, incident_id, created_at, attempts, last_error } of page.dead)
      process.stdout.write(
        `${message}  ${event} ${incident_id ?? ''} of ${created_at}, ${attempts} attempts: ${last_error}\n`,
      );
    before = page.next;
  } while (before !== null);
}

async function replay(id: string, message: string | undefined, access: EdgeAccess): Promise<void> {
  const which = message === undefined ? '' : `/${encodeURIComponent(message)}`;
  const answer = replayed.parse(await askEdge(access, 'POST', `${pathOf(id)}/dead${which}/replay`));
  process.stdout.write(`${answer.replayed} on their way again\n`);
}

function pathOf(id: string): string {
  return `/webhooks/${encodeURIComponent(id)}`;
}

function contentOf(file: string): string {
  return readFileSync(file === '-' ? 0 : file, 'utf8').trim();
}
