/** Asks the Prometheus server that the operator has set, and nobody else: its HTTP API, bounded in time and size. */
import * as z from 'zod';
import { HttpProblem } from '../../http/problem.ts';
import { readAtMost, TooLargeError } from '../../http/read-at-most.ts';

const TIMEOUT_MS = 8_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
const answered = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
    }),
  }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);

export interface PromSample {
  readonly labels: Readonly<Record<string, string>>;
  /** May be NaN or infinite. */
  readonly value: number;
}

export interface PrometheusServer {
  /** Such as http://127.0.0.1:9090, with a path where it stands below one; may hold a user and a password. */
  readonly url: URL;
  /** The way there: a binding into a private network, or the public one. */
  readonly fetch: typeof fetch;
}

/** @throws HttpProblem 502 where it cannot be asked or answers something else, 504 where it takes too long */
export async function instantQuery(server: PrometheusServer, query: string): Promise<PromSample[]> {
  const { status, text } = await post(server, query);
  const answer = answered.safeParse(parsed(text));
  if (!answer.success)
    throw new HttpProblem(
      502,
      `What answers at PROMETHEUS_URL (status ${status}) is no Prometheus server: set the address whose /api/v1/query answers JSON.`,
    );
  if (answer.data.status === 'error') {
    const { errorType, error } = answer.data;
    const what = `Prometheus refused the query (${errorType.slice(0, 40)}): ${error.slice(0, 300)}`;
    throw new HttpProblem(errorType === 'timeout' ? 504 : 502, what);
  }
  return answer.data.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}

async function post({ url, fetch }: PrometheusServer, query: string): Promise<{ status: number; text: string }> {
  const target = new URL(`${url.pathname.replace(/\/+$/, '')}/api/v1/query`, url);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (target.username !== '') headers.authorization = basic(target);
  target.username = '';
  target.password = '';
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const body = new URLSearchParams({ query, timeout: `${TIMEOUT_MS}ms` });
    const response = await fetch(target.href, { method: 'POST', headers, body, redirect: 'manual', signal });
    return {
      status: response.status,
      text: new TextDecoder().decode(await readAtMost(response, MAX_ANSWER_BYTES, signal)),
    };
  } catch (cause) {
    throw unanswered(cause);
  }
}

function unanswered(cause: unknown): HttpProblem {
  if (cause instanceof TooLargeError)
    return new HttpProblem(502, `${cause.message}; name one target by "instance".`, {}, { cause });
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return new HttpProblem(
      504,
      `Prometheus did not answer within ${TIMEOUT_MS / 1000} s: ask for a shorter "window" or one "instance", or look at its load.`,
      {},
      { cause },
    );
  console.warn(JSON.stringify({ level: 'warn', event: 'prometheus_unreachable', message: String(cause) }));
  return new HttpProblem(
    502,
    'Prometheus cannot be reached: see whether it runs, and whether PROMETHEUS_URL is its address as seen from the edge.',
    {},
    { cause },
  );
}

/** RFC 7617. */
function basic({ username, password }: URL): string {
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(pair)))}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // told as what it is: no Prometheus server
  }
}
