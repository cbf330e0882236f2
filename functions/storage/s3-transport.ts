/**
 * How the SDK's requests travel: by fetch, with a time limit on each attempt that covers the body as well. A body that is
 * cut fails the attempt, so that the SDK tries again instead of handing over a part.
 */

import { readAtMost, TooLargeError } from '../http/read-at-most.ts';

/** Objects of ours have 20 MB at most, and a page of a list has 1 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** What the SDK hands over, signed. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

interface SdkAnswer {
  readonly response: { statusCode: number; headers: Record<string, string>; body: Blob };
}

/** No whole answer came. `$retryable` is the mark by which the SDK tries again. */
export class AttemptError extends Error {
  override readonly name = 'AttemptError';
  readonly $retryable = {};
}

export class S3Transport {
  readonly #attemptTimeoutMs: number;

  constructor(attemptTimeoutMs: number) {
    this.#attemptTimeoutMs = attemptTimeoutMs;
  }

  async handle(request: SdkRequest): Promise<SdkAnswer> {
    const signal = AbortSignal.timeout(this.#attemptTimeoutMs);
    try {
      const answer = await fetch(addressOf(request), {
        method: request.method,
        headers: request.headers,
        body: request.body,
        redirect: 'manual',
        signal,
      });
      const bytes = await readAtMost(answer, MAX_ANSWER_BYTES, signal);
      const headers = Object.fromEntries(answer.headers);
      return { response: { statusCode: answer.status, headers, body: new Blob([bytes]) } };
    } catch (cause) {
      if (cause instanceof TooLargeError) throw cause; // and would be again
      throw new AttemptError(this.#reasonOf(cause), { cause });
    }
  }

  #reasonOf(cause: unknown): string {
    if (!(cause instanceof Error)) return String(cause);
    if (cause.name === 'TimeoutError') return `no whole answer within ${this.#attemptTimeoutMs} ms`;
    // Node says what happened in the cause of its "fetch failed".
    return cause.cause instanceof Error ? cause.cause.message : cause.message;
  }
}

function addressOf({ protocol, hostname, port, path, query = {} }: SdkRequest): URL {
  const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`);
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat()) url.searchParams.append(name, one ?? '');
  // Signed with %20, where a form's encoding would have a plus.
  url.search = url.search.replaceAll('+', '%20');
  return url;
}
