/** `vigia models`: the versions that an edge has trained, and the way back to one. */
import type { Command } from 'commander';
import type { ListedModel } from '../../contract/model-list.ts';
import { callEdge, type EdgeOptions, edgeCommand } from '../call-edge.ts';
import { positiveInteger } from '../option-values.ts';
import { tableLines } from '../table.ts';

interface GroupOptions extends EdgeOptions {
  group?: string;
}

interface ListOptions extends GroupOptions {
  limit?: number;
  cursor?: string;
}

export function register(program: Command): void {
  const models = program.command('models').description('the versions that an edge has trained');
  edgeCommand(models, 'list', 'read', { isDefault: true })
    .description('with their quality, the newest first')
    .option('--group <NAME>', "another than the token's own")
    .option('--limit <N>', 'so many, 20 where it is left out', positiveInteger)
    .option('--cursor <CURSOR>', 'those after a page, as its end names them')
    .action(list);
  edgeCommand(models, 'rollback', 'train')
    .description('back to an earlier version; live in seconds')
    .argument('[VERSION]', 'as the list names it; the one before where it is left out')
    .option('--group <NAME>', "another than the token's own")
    .action(rollBack);
  models.addHelpText(
    'after',
    '\nExample:\n  vigia models list --group web\n  vigia models rollback 20261120T120000Z-0a1b2c3d --group web',
  );
}

async function list({ group, limit, cursor, ...edge }: ListOptions): Promise<void> {
  const page = await callEdge(edge)('GET /models', { query: { group, limit, cursor } });
  if (edge.json) {
    process.stdout.write(`${JSON.stringify(page)}\n`);
    return;
  }
  const headings = ['version', 'live', 'windows', 'false alerts', 'allowed', 'attacks found', 'models'];
  const lines = tableLines(headings, page.models.map(cells));
  const none = `nothing is trained yet for the group ${page.group}: rules alone judge\n`;
  process.stdout.write(page.models.length === 0 ? none : `${lines.join('\n')}\n`);
  if (page.next !== null) process.stderr.write(`older ones: --cursor ${page.next}\n`);
}

function cells(model: ListedModel): string[] {
  const live = model.live ? 'live' : '';
  if (!model.readable) return [model.version, live, 'its manifest cannot be read'];
  const { training, quality, models } = model;
  return [
    model.version,
    live,
    String(training.windows),
    String(quality.false_alerts),
    quality.allowed_false_alerts.toFixed(1),
    `${Math.round(quality.injected_found * 100)} %`,
    models.join(' '),
  ];
}

async function rollBack(version: string | undefined, { group, ...edge }: GroupOptions): Promise<void> {
  const answer = await callEdge(edge)('POST /models/rollback', { query: { group }, body: { version } });
  const before = answer.previous === null ? '' : `, before it ${answer.previous}`;
  const told = `${answer.version} is live for the group ${answer.group}${before}\n`;
  process.stdout.write(edge.json ? `${JSON.stringify(answer)}\n` : told);
}
