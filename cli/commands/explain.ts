/** `vigia explain`: the whole way from one window to its verdict, so that a person can recompute it. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { z } from 'zod';
import { authWindow } from '../../contract/auth-window.ts';
import { flatObject } from '../../contract/detect-request.ts';
import { type NetworkWindow, networkWindow } from '../../contract/network-window.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, readThresholds } from '../../contract/thresholds.ts';
import { type Explained, explainWindow } from '../explain-window.ts';
import { nonNegative } from '../option-values.ts';

interface Options {
  models?: string;
  budget: number;
}

/** Lines before the window that are read as its context. */
const MOST_CONTEXT = 100;

export function register(program: Command): void {
  program
    .command('explain')
    .description('show the whole way from one window to its verdict: features, rules, scores, p-values, consensus')
    .argument('[FILE]', 'the window as a line of JSON, - is stdin; lines before it are its context', '-')
    .option('--models <DIR>', 'models that vigia train wrote; without them the rules alone decide')
    .option('--budget <N>', 'false alerts that a host may raise a day', nonNegative, DEFAULT_ALERT_BUDGET_PER_HOST_DAY)
    .addHelpText(
      'after',
      `
Examples:
  echo '{"packets_per_second": 1200, "unique_ports": 50}' | vigia explain
  vigia windows office.pcapng | head -n 40 | vigia explain --models models/`,
    )
    .action(explain);
}

async function explain(file: string, { models, budget }: Options): Promise<void> {
  const read = readLast(file);
  const loaded = models === undefined ? null : await (await import('../load-models.ts')).loadModels(models);
  try {
    const lines = await explainWindow(read, {
      fleet: loaded,
      thresholds: readThresholds(process.env),
      alertBudget: budget,
    });
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    await loaded?.release();
  }
}

/** @throws Error with the field that is wrong */
function readLast(file: string): Explained {
  const lines = readFileSync(file === '-' ? 0 : file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 0)
    throw new Error('there is no window to explain; give one line of JSON, as vigia windows prints it');
  const number = lines.length;
  const json = parse(lines.at(-1) as string, number);
  const context = lines
    .slice(0, -1)
    .map((line, i): NetworkWindow => valid(networkWindow, parse(line, i + 1), i + 1))
    .slice(-MOST_CONTEXT);
  const fields = typeof json === 'object' && json !== null ? json : {};
  if ('interface' in fields) return { kind: 'network window', observed: valid(networkWindow, json, number), context };
  if ('id' in fields) return { kind: 'auth window', observed: valid(authWindow, json, number) };
  return { kind: 'flat object', observed: valid(flatObject, json, number) };
}

function valid<T extends z.ZodType>(schema: T, json: unknown, number: number): z.output<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [first] = fieldErrors(parsed.error, 1);
  throw new Error(`line ${number}, ${first?.path}: ${first?.message}`);
}

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`line ${number} is no JSON`, { cause });
  }
}
