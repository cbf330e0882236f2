/** What is said of an operation of the public API, and what it may refuse with. */
import type * as z from 'zod';
import type { Scope } from './token.ts';

/** Statuses that a problem+json answers, besides those that `refusalsOf` tells from the operation itself. */
export type Refusal = 400 | 401 | 403 | 404 | 408 | 409 | 413 | 415 | 422 | 429 | 502 | 504;

export interface Operation {
  /** Of the document, in which each operation has a name of its own. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** Null: open to everybody. */
  readonly scope: Scope | null;
  readonly path?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** A body that is valid, to show. */
  readonly example?: object;
  /** The body may be left out. */
  readonly bodyOptional?: true;
  /** Other media types of the body, with what stands in them. */
  readonly otherBodies?: Readonly<Record<string, string>>;
  readonly requestHeaders?: Readonly<Record<string, string>>;
  readonly answer: z.ZodType;
  /** Where it is not 200. */
  readonly status?: 201;
  /** Where the answer is no JSON. */
  readonly answerType?: string;
  /** Answers besides 200 that are no problem+json. */
  readonly otherAnswers?: Readonly<Record<number, z.ZodType>>;
  readonly refusals?: readonly Refusal[];
}

/** Every status that the operation may answer with a problem+json, in ascending order. */
export function refusalsOf(operation: Operation): Refusal[] {
  const { path, query, body, scope, refusals = [] } = operation;
  const all = new Set<Refusal>([429, ...refusals]);
  if (query !== undefined || body !== undefined) all.add(400);
  if (body !== undefined) all.add(408).add(413).add(415);
  if (scope !== null) all.add(401).add(403);
  if (path !== undefined) all.add(404);
  return [...all].sort((a, b) => a - b);
}
