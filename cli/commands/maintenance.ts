/** `vigia maintenance`: times in which alerts of some hosts are recorded and not told. */
import { type Command, Option } from 'commander';
import type { MaintenanceWindow } from '../../contract/muting.ts';
import type { ThreatType } from '../../contract/threats.ts';
import { callEdge, type EdgeOptions, edgeCommand, GROUP_HELP, tell } from '../call-edge.ts';
import { list as commaSeparated, lengthOfTime, time } from '../option-values.ts';
import { minute, tableLines } from '../table.ts';

interface GroupOptions extends EdgeOptions {
  group?: string;
}

interface AddOptions extends GroupOptions {
  hosts: string;
  for?: number;
  from?: string;
  until?: string;
  types?: ThreatType[];
  reason: string;
}

/** The edge was not asked. */
class NoEndError extends Error {
  override readonly name = 'NoEndError';
}

export function register(program: Command): void {
  const maintenance = program
    .command('maintenance')
    .description('times in which alerts of some hosts are recorded and not told');
  edgeCommand(maintenance, 'list', 'read', { isDefault: true })
    .description('what goes on, is to come, or was over within the week; at most 200')
    .option('--group <NAME>', GROUP_HELP)
    .action(list);
  edgeCommand(maintenance, 'add', 'admin')
    .description('from now on, or from a time, until another')
    .requiredOption('--hosts <PATTERN>', "a host, or 'db-*': * is any characters, in quotes for the shell")
    .addOption(new Option('--for <TIME>', 'so long: 90s, 10m, 2h, 1d').argParser(lengthOfTime).conflicts('until'))
    .option('--from <TIME>', 'such as 2026-11-21T22:00:00Z (default: now)', time)
    .option('--until <TIME>', 'such as 2026-11-22T02:00:00+01:00', time)
    .option('--types <LIST>', 'only these threats, such as port_scan,syn_flood', commaSeparated)
    .requiredOption('--reason <TEXT>', 'shown with each incident that is not told')
    .option('--group <NAME>', GROUP_HELP)
    .action(add);
  edgeCommand(maintenance, 'end', 'admin')
    .description('alerts are told again; or cancel what is to come')
    .argument('<ID>', 'as the list names it')
    .option('--group <NAME>', GROUP_HELP)
    .action(end);
  maintenance.addHelpText(
    'after',
    `
Example:
  vigia maintenance add --hosts 'db-*' --for 2h --reason "new disks"
  vigia maintenance add --hosts web-1 --from 2026-11-21T22:00:00Z --until 2026-11-22T02:00:00Z --reason "audit" --types port_scan
  vigia maintenance end 0a1b2c3d
An attack that goes on when it ends is told then: docs/incidents.md.`,
  );
}

async function list({ group, ...edge }: GroupOptions): Promise<void> {
  const answer = await callEdge(edge)('GET /maintenance', { query: { group } });
  const now = new Date();
  const rows = answer.maintenance
    .toSorted((a, b) => Date.parse(b.from) - Date.parse(a.from))
    .map((window) => [
      window.id,
      stateOf(window, now),
      window.hosts,
      minute(window.from),
      minute(window.until),
      window.types?.join(' ') ?? 'all',
      window.reason,
    ]);
  const headings = ['id', 'state', 'hosts', 'from (UTC)', 'until (UTC)', 'threats', 'reason'];
  tell(edge, answer, rows.length === 0 ? 'no maintenance\n' : `${tableLines(headings, rows).join('\n')}\n`);
}

function stateOf({ from, until }: MaintenanceWindow, now: Date): 'to come' | 'goes on' | 'over' {
  if (now < new Date(from)) return 'to come';
  return now < new Date(until) ? 'goes on' : 'over';
}

async function add({ group, hosts, for: for_s, from: begin, until: end, types, reason, ...edge }: AddOptions) {
  const now = new Date();
  const from = begin ?? now.toISOString();
  const until = for_s === undefined ? end : new Date(Date.parse(from) + 1000 * for_s).toISOString();
  if (until === undefined) throw new NoEndError('when does it end? Add --for 2h, or --until 2026-11-22T02:00:00Z');
  const body = { hosts, from, until, types, reason };
  const window = await callEdge(edge)('POST /maintenance', { query: { group }, body });
  const told = `${window.id}: alerts of ${window.hosts} are not told from ${window.from} until ${window.until}`;
  tell(edge, window, `${told}\n`);
  if (stateOf(window, now) === 'over') process.stderr.write('that time is over: it holds for alerts that come late\n');
}

async function end(id: string, { group, ...edge }: GroupOptions): Promise<void> {
  const answer = await callEdge(edge)('DELETE /maintenance/{id}', { path: { id }, query: { group } });
  tell(edge, answer, `${answer.id} is no more: alerts are told\n`);
}
