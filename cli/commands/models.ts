/** `vigia models`: the versions that an edge has trained, and the way back to one. */
import type { Command } from 'commander';
import type { ListedModel } from '../../contract/model-list.ts';
import type { Stats } from '../../contract/status.ts';
import { callEdge, type EdgeOptions, edgeCommand, GROUP_HELP, tell } from '../call-edge.ts';
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
    .option('--group <NAME>', GROUP_HELP)
    .option('--limit <N>', 'so many, 20 where it is left out', positiveInteger)
    .option('--cursor <CURSOR>', 'those after a page, as its end names them')
    .action(list);
  edgeCommand(models, 'rollback', 'train')
    .description('back to an earlier version; live in seconds')
    .argument('[VERSION]', 'as the list names it; the one before where it is left out')
    .option('--group <NAME>', GROUP_HELP)
    .action(rollBack);
  models.addHelpText(
    'after',
    '\nExample:\n  vigia models list --group web\n  vigia models rollback 20261120T120000Z-0a1b2c3d --group web',
  );
}

async function list({ group, limit, cursor, ...edge }: ListOptions): Promise<void> {
  const call = callEdge(edge);
  const [page, { refused_model, model_version }] = await Promise.all([
    call('GET /models', { query: { group, limit, cursor } }),
    call('GET /stats', { query: { group } }),
  ]);
  const headings = ['version', 'live', 'windows', 'false alerts', 'allowed', 'attacks found', 'models'];
  const rows = page.models.map((model) => cells(model, refused_model?.version === model.version));
  const none = `nothing is trained yet for the group ${page.group}: rules alone judge\n`;
  const told = rows.length === 0 ? none : `${tableLines(headings, rows).join('\n')}\n`;
  tell(edge, { ...page, refused_model }, told + refusal(refused_model, model_version));
  if (page.next !== null && !edge.json) process.stderr.write(`older ones: --cursor ${page.next}\n`);
}

/** Of the edge that answered; another process of it may be some seconds behind. */
function refusal(refused: Stats['refused_model'], judging: string | null): string {
  if (refused === null) return '';
  const judges = judging === null ? 'the rules alone judge' : `${judging} judges`;
  const what = refused.version ?? 'what is promoted';
  return `${what} is refused: ${refused.reason}\n${judges} meanwhile; "vigia models rollback" goes back to an earlier version\n`;
}

function cells(model: ListedModel, isRefused: boolean): string[] {
  const live = isRefused ? 'refused' : model.live ? 'live' : '';
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
  tell(edge, answer, told);
}
