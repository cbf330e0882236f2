/** Parses JSON from a client: broken text is a problem with its place, and nesting is bounded. */
import { HttpProblem } from './problem.ts';

/** Deeper than any message of the contract by far. */
const MAX_DEPTH = 32;

/** The media type of a request in lower case, without parameters; empty where there is none. */
export function mediaType(request: Request): string {
  return (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** @throws HttpProblem 400 where `text` is no JSON; `place` goes before the message, such as `line 3` */
export function parseJson(text: string, place = ''): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HttpProblem(
      400,
      'The body is not valid JSON.',
      { errors: [{ path: place, message: reason.slice(0, 200) }] },
      { cause },
    );
  }
}

/** Whether a parsed value nests deeper than the bound; walks breadth first, so that depth costs no stack. */
export function nestsTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      for (const child of Object.values(item)) if (typeof child === 'object' && child !== null) next.push(child);
    }
    if (next.length === 0) return false;
    level = next;
  }
  return true;
}
