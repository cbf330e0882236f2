/** `vigia allow`: sources that may look like attackers, such as one's own scanner, without anybody being told. */
import type { Command } from 'commander';
import { callEdge, type EdgeOptions, edgeCommand, GROUP_HELP, tell } from '../call-edge.ts';
import { tableLines } from '../table.ts';

interface GroupOptions extends EdgeOptions {
  group?: string;
}

interface AddOptions extends GroupOptions {
  reason: string;
}

export function register(program: Command): void {
  const allow = program
    .command('allow')
    .description('sources that may look like attackers: their alerts are recorded and not told');
  edgeCommand(allow, 'list', 'read', { isDefault: true })
    .description('the networks, and why; at most 200')
    .option('--group <NAME>', GROUP_HELP)
    .action(list);
  edgeCommand(allow, 'add', 'admin')
    .description('alerts whose attackers are all in allowed networks are not told')
    .argument('<SOURCE>', '192.0.2.7, 192.0.2.0/24, 2001:db8::/32')
    .requiredOption('--reason <TEXT>', 'shown with each incident that is not told')
    .option('--group <NAME>', GROUP_HELP)
    .action(add);
  edgeCommand(allow, 'remove', 'admin')
    .description('alerts from there are told again')
    .argument('<SOURCE>', 'as it is listed')
    .option('--group <NAME>', GROUP_HELP)
    .action(remove);
  allow.addHelpText(
    'after',
    `
Example:
  vigia allow add 192.0.2.0/24 --reason "our own scanner"
  vigia allow remove 192.0.2.0/24
What a collector never blocks is a setting of its own (allow, docs/collector.md).`,
  );
}

async function list({ group, ...edge }: GroupOptions): Promise<void> {
  const answer = await callEdge(edge)('GET /allowed_sources', { query: { group } });
  const rows = answer.allowed_sources.map(({ source, reason }) => [source, reason]);
  tell(
    edge,
    answer,
    rows.length === 0 ? 'no allowed sources\n' : `${tableLines(['source', 'reason'], rows).join('\n')}\n`,
  );
}

async function add(source: string, { group, reason, ...edge }: AddOptions): Promise<void> {
  const answer = await callEdge(edge)('POST /allowed_sources', { query: { group }, body: { source, reason } });
  tell(edge, answer, `${answer.source} is allowed: alerts from there alone are recorded and not told\n`);
}

async function remove(source: string, { group, ...edge }: GroupOptions): Promise<void> {
  const answer = await callEdge(edge)('DELETE /allowed_sources', { query: { group, source } });
  tell(edge, answer, `${answer.source} is allowed no longer: alerts from there are told\n`);
}
