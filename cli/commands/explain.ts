/** `vigia explain`: the whole way from one window or log line to its verdict, so that a person can recompute it. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type * as z from 'zod';
import { accountsOf } from '../../collector/auth/accounts.ts';
import { namePrivacy } from '../../collector/auth/name-privacy.ts';
import { ownHost } from '../../collector/config.ts';
import { authWindow } from '../../contract/auth-window.ts';
import { flatObject } from '../../contract/detect-request.ts';
import { type NetworkWindow, networkWindow } from '../../contract/network-window.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { DEFAULT_ALERT_BUDGET_PER_HOST_DAY, readThresholds } from '../../contract/thresholds.ts';
import { type ExplainedLine, explainLogLine } from '../explain-log-line.ts';
import { type Explained, explainWindow } from '../explain-window.ts';
import { nonNegative } from '../option-values.ts';

interface Options {
  models?: string;
  budget: number;
}

/** Lines before the window that are read as its context. */
const MOST_CONTEXT = 100;
const MOST_LINES = 100_000;

export function register(program: Command): void {
  program
    .command('explain')
    .description(
      'show the whole way from one window or log line to its verdict: how it was read, features, rules, scores, consensus',
    )
    .argument(
      '[FILE]',
      'a window as a line of JSON, or a log of logins, - is stdin; lines before the last are its context',
      '-',
    )
    .option('--models <DIR>', 'models that vigia train wrote; without them the rules alone decide')
    .option('--budget <N>', 'false alerts that a host may raise a day', nonNegative, DEFAULT_ALERT_BUDGET_PER_HOST_DAY)
    .addHelpText(
      'after',
      `
Examples:
  echo '{"packets_per_second": 1200, "unique_ports": 50}' | vigia explain
  tail -n 200 /var/log/auth.log | vigia explain
  vigia windows office.pcapng | head -n 40 | vigia explain --models models/`,
    )
    .action(explain);
}

async function explain(file: string, { models, budget }: Options): Promise<void> {
  const lines = readLines(file);
  const log = explainedLog(lines);
  const read = log ? log.windows.map((observed): Explained => ({ kind: 'auth window', observed })) : [readLast(lines)];
  const loaded = models === undefined ? null : await (await import('../load-models.ts')).loadModels(models);
  try {
    const judging = { fleet: loaded, thresholds: readThresholds(process.env), alertBudget: budget };
    const parts = await Promise.all(read.map((one) => explainWindow(one, judging)));
    process.stdout.write(`${[...(log ? [log.lines] : []), ...parts].map((part) => part.join('\n')).join('\n\n')}\n`);
  } finally {
    await loaded?.release();
  }
}

/** The last of them, of a log as long as it may be. */
function readLines(file: string): string[] {
  const lines = readFileSync(file === '-' ? 0 : file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-MOST_LINES);
  if (lines.length > 0) return lines;
  throw new Error(
    'there is no window to explain; give one line of JSON, as vigia windows prints it, or lines of a log of logins',
  );
}

/** Null where the last line is JSON. The key of the hashes is made up: nothing is compared with them. */
function explainedLog(lines: readonly string[]): ExplainedLine | null {
  if (/^\s*[[{"]/.test(lines.at(-1) ?? '')) return null;
  return explainLogLine(lines, {
    host: ownHost(),
    now_ms: Date.now(),
    zone_offset_min: -new Date().getTimezoneOffset(),
    publicName: namePrivacy(accountsOf(readFileSync('/etc/passwd', 'utf8')), randomBytes(32)),
  });
}

/** @throws Error with the field that is wrong */
function readLast(lines: readonly string[]): Explained {
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
