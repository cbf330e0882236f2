/** How a command talks to an edge: the options that say where, the client that reads them, and how its answer is printed. */
import { readFileSync } from 'node:fs';
import type { Command, CommandOptions } from 'commander';
import * as z from 'zod';
import { type JsonOperationName, operations } from '../contract/api.ts';
import { apiClient, type Client } from '../contract/client.ts';
import type { Scope } from '../contract/token.ts';
import { printable } from './table.ts';

export interface EdgeOptions {
  to: string;
  tokenFile?: string;
  json?: true;
}

/** Where `vigia up` serves by default. */
const LOCAL_EDGE = 'http://127.0.0.1:8787';
/** Of an option: without it, the edge takes the token's group, or `default`. */
export const GROUP_HELP = "another than the token's own";
/** The edge itself waits up to 15 s for a receiver of webhooks. */
const TIMEOUT_MS = 30_000;

/** The edge answered, and it is not what this release of Vigía knows. */
export class OtherReleaseError extends Error {
  override readonly name = 'OtherReleaseError';
}

/** A subcommand that asks an edge with a token of `scope`. */
export function edgeCommand(parent: Command, name: string, scope: Scope, place: CommandOptions = {}): Command {
  return parent
    .command(name, place)
    .option('--to <URL>', 'the edge', LOCAL_EDGE)
    .option('--token-file <FILE>', `holds a token of the scope ${scope}; an edge on loopback needs none`)
    .option('--json', 'for programs');
}

/** @throws Error where the token file cannot be read; the call throws RefusedError, UnreachableError, OtherReleaseError */
export function callEdge({ to, tokenFile }: EdgeOptions): Client {
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim();
  return apiClient({ url: to, token, timeout_ms: TIMEOUT_MS, check: (name, answer) => checkAnswer(to, name, answer) });
}

function checkAnswer(url: string, name: JsonOperationName, answer: unknown): void {
  const parsed = operations[name].answer.safeParse(answer);
  if (parsed.success) return;
  const difference = z.prettifyError(parsed.error).split('\n').slice(0, 4).join('\n');
  throw new OtherReleaseError(
    `${url} answers ${name} in another shape than this release knows; use the release that is deployed:\n${difference}`,
  );
}

/** Prints the answer as it came where programs ask, else the lines that say what it means, none of which may steer the terminal. */
export function tell({ json }: EdgeOptions, answer: object, told: string): void {
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : told.split('\n').map(printable).join('\n'));
}
