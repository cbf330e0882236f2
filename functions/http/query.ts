/** Reads what a client asks for in the query of its URL. */
import type * as z from 'zod';
import { fieldErrors } from '../../contract/problem.ts';
import { HttpProblem } from './problem.ts';

/** @throws HttpProblem 400 with each wrong parameter */
export function readQuery<S extends z.ZodType>(query: Readonly<Record<string, string>>, schema: S): z.output<S> {
  const parsed = schema.safeParse(query);
  if (!parsed.success) throw new HttpProblem(400, 'The query is not valid.', { errors: fieldErrors(parsed.error) });
  return parsed.data;
}
