/** Posts one batch to the edge, and says what became of it. */
import * as z from 'zod';
import { COLUMNS_MEDIA_TYPE } from '../../contract/columns/format.ts';
import { result } from '../../contract/result.ts';
import type { Batch } from './batch.ts';
import type { EdgeAnswer, EdgeConnection } from './edge-connection.ts';
import {
  type EdgeProblem,
  problemOfAnswer,
  problemOfError,
  problemOfSilence,
  problemOfStranger,
} from './edge-problem.ts';
import { readToken } from './token-file.ts';

/** What of the answer the collector tells. */
const verdict = result.pick({
  threat_detected: true,
  threat_types: true,
  attacking_ips: true,
  level: true,
  confidence: true,
  window: true,
});
/** What an edge says once it has stored a batch. A verdict may be of another release, and is not told then. */
const answer = z.union([
  z.object({ results: z.array(z.unknown()) }).transform(({ results }) => ({ judged: results.length, results })),
  z
    .object({ judged: z.number(), found: z.array(z.object({ result: z.unknown() })) })
    .transform(({ judged, found }) => ({ judged, results: found.map((one) => one.result) })),
]);
export type Verdict = z.output<typeof verdict>;

export type Outcome =
  | { readonly kind: 'stored'; readonly verdicts: readonly Verdict[] }
  /** The edge will take it later, or after somebody has mended a setting. */
  | { readonly kind: 'later'; readonly problem: EdgeProblem; readonly retryAfter_ms: number | null }
  /** The edge will never take it as it is. */
  | { readonly kind: 'rejected'; readonly problem: EdgeProblem };

export interface PosterSettings {
  /** Read at every post, so that a rotated token is used without a restart; null on loopback. */
  readonly tokenFile: string | null;
  readonly timeout_ms: number;
}

/** Refusals that are not about the batch: a token or an address to mend, or a matter of time. Every other 4xx is about the batch. */
const LATER = new Set([401, 403, 404, 405, 407, 408, 409, 425, 429]);
/** An edge of an earlier release knows no columns. */
const UNKNOWN_TYPE = 415;
/** A Retry-After beyond an hour is a mistake. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** @param stop ends a post that is under way */
export async function post(
  batch: Batch,
  edge: EdgeConnection,
  { tokenFile, timeout_ms }: PosterSettings,
  stop: AbortSignal,
): Promise<Outcome> {
  const late = AbortSignal.timeout(timeout_ms);
  try {
    const signal = AbortSignal.any([stop, late]);
    const send = (type: string, body: Uint8Array): Promise<EdgeAnswer> =>
      edge.request('/detect', {
        method: 'POST',
        headers: {
          'content-type': type,
          'content-encoding': 'gzip',
          'content-length': String(body.length),
          'idempotency-key': batch.id,
          ...(tokenFile === null ? {} : { authorization: `Bearer ${readToken(tokenFile)}` }),
        },
        body,
        signal,
      });
    const { columns } = batch;
    let answered = columns && (await send(COLUMNS_MEDIA_TYPE, columns));
    if (answered === null || answered.status === UNKNOWN_TYPE) answered = await send('application/json', batch.body);
    return outcomeOf(answered, batch.windows, edge.host);
  } catch (error) {
    const problem = late.aborted ? problemOfSilence(timeout_ms) : problemOfError(error);
    return { kind: 'later', problem, retryAfter_ms: null };
  }
}

function outcomeOf({ status, headers, text }: EdgeAnswer, windows: number, host: string): Outcome {
  const later = (problem: EdgeProblem): Outcome => ({
    kind: 'later',
    problem,
    retryAfter_ms: retryAfter_ms(headers['retry-after'], headers.date),
  });
  if (status >= 200 && status < 300) {
    const verdicts = verdictsOf(text, windows);
    return verdicts ? { kind: 'stored', verdicts } : later(problemOfStranger(host, status, text));
  }
  const problem = problemOfAnswer(status, text);
  if (status >= 400 && status < 500 && !LATER.has(status)) return { kind: 'rejected', problem };
  return later(problem);
}

/**
 * A success alone says nothing: a login page of a network or a catch-all site answers 200 to everything.
 * @returns null where the answer is none of an edge that has stored so many windows
 */
function verdictsOf(text: string, windows: number): Verdict[] | null {
  const parsed = answer.safeParse(parsedJson(text));
  if (!parsed.success || parsed.data.judged !== windows) return null;
  return parsed.data.results.flatMap((one) => verdict.safeParse(one).data ?? []);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Seconds, or a date (RFC 9110, 10.2.3), which is read by the edge's clock: this host's may be wrong. */
function retryAfter_ms(header: string | undefined, edgeDate: string | undefined): number | null {
  if (header === undefined) return null;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.parse(edgeDate ?? '');
  return Number.isFinite(wait) ? Math.min(Math.max(0, wait), LONGEST_RETRY_AFTER_MS) : null;
}
