/** The client of the API: fetch, typed by the table of operations, of which it takes the types alone, so that a page loads little. */
import type * as z from 'zod';
import type { JsonOperationName, Operations } from './api.ts';
import type { FieldError, Problem } from './problem.ts';

/** What this version of the API stands below; the same paths without it are kept as aliases. */
export const API_PREFIX = '/v1';
const DEFAULT_TIMEOUT_MS = 10_000;
/** Of an answer that is no problem+json, such as a proxy's page. */
const MOST_CHARACTERS_SHOWN = 200;

type PathOf<O> = { [K in Extract<keyof O, 'path'>]: O[K] extends z.ZodType ? z.output<O[K]> : never };
type QueryOf<O> = { [K in Extract<keyof O, 'query'>]?: O[K] extends z.ZodType ? Partial<z.output<O[K]>> : never };
type BodyOf<O> = O extends { body: infer B extends z.ZodType }
  ? O extends { bodyOptional: true }
    ? { body?: z.input<B> }
    : { body: z.input<B> }
  : unknown;

export type Input<N extends JsonOperationName> = PathOf<Operations[N]> & QueryOf<Operations[N]> & BodyOf<Operations[N]>;
export type Answer<N extends JsonOperationName> = z.output<Operations[N]['answer']>;

export interface ClientOptions {
  /** The edge, such as https://vigia.example.com. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly timeout_ms?: number;
  /** Validates the answer of an edge that is not known to be of this release; throws where it does not fit. */
  readonly check?: (name: JsonOperationName, answer: unknown) => void;
}

/** The edge refused; what it said stands in the fields. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[];

  constructor(url: string, status: number, { title, detail, errors = [] }: Partial<Problem>) {
    const fields = errors.map(({ path, message }) => `\n  ${path === '' ? 'body' : path}: ${message}`).join('');
    super(
      `${url} answers ${status}${title === undefined ? '' : ` ${title}`}${detail === undefined ? '' : `: ${detail}`}${fields}`,
    );
    this.status = status;
    this.title = title ?? '';
    this.detail = detail;
    this.errors = errors;
  }
}

/** No answer came, or one that nobody can use; `cause` has the reason. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export type Client = <N extends JsonOperationName>(name: N, input: Input<N>) => Promise<Answer<N>>;

/**
 * `const call = apiClient({ url }); const { incidents } = await call('GET /incidents', { query: { state: 'open' } })`.
 * The call throws RefusedError, UnreachableError, and what `check` throws.
 */
export function apiClient({ url, token, timeout_ms = DEFAULT_TIMEOUT_MS, check }: ClientOptions): Client {
  const base = url.replace(/\/+$/, '');
  return async <N extends JsonOperationName>(name: N, input: Input<N>): Promise<Answer<N>> => {
    const { body, ...place }: Parts = input;
    const answer = await ask(base + pathOf(name, place), {
      method: name.slice(0, name.indexOf(' ')),
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeout_ms),
    });
    check?.(name, answer);
    return answer as Answer<N>;
  };
}

interface Parts {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
}

function pathOf(name: JsonOperationName, { path = {}, query = {} }: Parts): string {
  const template = name.slice(name.indexOf(' ') + 1);
  const filled = template.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(path[key] ?? ''));
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) asked.set(key, String(value));
  return `${API_PREFIX}${filled}${asked.size === 0 ? '' : `?${asked}`}`;
}

async function ask(url: string, init: RequestInit): Promise<unknown> {
  const { ok, status, text } = await fetched(url, init).catch((cause: Error) => {
    throw new UnreachableError(`${url} does not answer: ${reasonOf(cause)}`, { cause });
  });
  if (!ok) throw refusalOf(url, status, text);
  const json = parsed(text);
  if (json === undefined) throw new UnreachableError(`${url} answers no JSON: ${shortened(text)}`);
  return json;
}

/** What an answer that is no success says, in whatever form. */
export function refusalOf(url: string, status: number, text: string): RefusedError {
  const json = parsed(text);
  return new RefusedError(url, status, isProblem(json) ? json : { detail: shortened(text) });
}

async function fetched(url: string, init: RequestInit): Promise<{ ok: boolean; status: number; text: string }> {
  const answer = await fetch(url, init);
  return { ok: answer.ok, status: answer.status, text: await answer.text() };
}

/** undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Of an edge; what a proxy in front of it answers has no title. */
function isProblem(json: unknown): json is Problem {
  return typeof json === 'object' && json !== null && 'title' in json && typeof json.title === 'string';
}

function shortened(text: string): string {
  return text.length > MOST_CHARACTERS_SHOWN ? `${text.slice(0, MOST_CHARACTERS_SHOWN)}…` : text;
}

/** fetch says "fetch failed" and keeps why in the cause. */
export function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message : message;
}
