/** Posts one batch to the edge, and says what became of it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { result } from '../../contract/result.ts';
import type { Batch } from './batch.ts';

/** What of the answer the collector tells. */
const answer = z.object({
  results: z.array(
    result.pick({
      threat_detected: true,
      threat_types: true,
      attacking_ips: true,
      level: true,
      confidence: true,
      window: true,
    }),
  ),
});
export type Verdict = z.output<typeof answer>['results'][number];

export type Outcome =
  | { readonly kind: 'stored'; readonly verdicts: readonly Verdict[] }
  /** The edge will take it later, or after somebody has mended a setting. */
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfter_ms: number | null }
  /** The edge will never take it. */
  | { readonly kind: 'rejected'; readonly reason: string };

export interface PosterSettings {
  /** Base address of the edge, such as https://vigia.example.com. */
  readonly to: string;
  /** Read at every post, so that a rotated token is used without a restart; null on loopback. */
  readonly tokenFile: string | null;
  readonly timeout_ms: number;
}

/** Refusals that are not about the batch: a token or an address to mend, or a matter of time. Every other 4xx is about the batch. */
const LATER = new Set([401, 403, 404, 405, 408, 409, 425, 429]);
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MAX_PROBLEM_CHARACTERS = 500;
/** A Retry-After beyond an hour is a mistake. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** @param stop ends a post that is under way */
export async function post(batch: Batch, settings: PosterSettings, stop: AbortSignal): Promise<Outcome> {
  try {
    const response = await fetch(`${settings.to.replace(/\/+$/, '')}/detect`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        'idempotency-key': batch.id,
        ...authorization(settings.tokenFile),
      },
      body: batch.body.slice(),
      redirect: 'error',
      signal: AbortSignal.any([stop, AbortSignal.timeout(settings.timeout_ms)]),
    });
    const text = await readText(response);
    if (response.ok) return stored(text);
    const reason = `the edge answered ${response.status}: ${text.slice(0, MAX_PROBLEM_CHARACTERS)}`;
    const isWrong = response.status >= 400 && response.status < 500 && !LATER.has(response.status);
    if (isWrong) return { kind: 'rejected', reason };
    return { kind: 'later', reason, retryAfter_ms: retryAfter_ms(response.headers.get('retry-after')) };
  } catch (error) {
    return { kind: 'later', reason: describe(error), retryAfter_ms: null };
  }
}

/** An answer of another shape is an edge of another release: the windows are stored all the same. */
function stored(text: string): Outcome {
  try {
    const parsed = answer.safeParse(JSON.parse(text));
    return { kind: 'stored', verdicts: parsed.success ? parsed.data.results : [] };
  } catch {
    return { kind: 'stored', verdicts: [] };
  }
}

/** As much of the answer as is ever meant. */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function authorization(tokenFile: string | null): Record<string, string> {
  return tokenFile === null ? {} : { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfter_ms(header: string | null): number | null {
  if (header === null) return null;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(wait) ? Math.min(Math.max(0, wait), LONGEST_RETRY_AFTER_MS) : null;
}

/** undici says "fetch failed" and hides why in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message || error.cause.name}` : '';
  return `${error.message}${cause}`;
}
