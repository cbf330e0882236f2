/** Reads a small JSON body by its schema. */
import type * as z from 'zod';
import { fieldErrors } from '../../contract/problem.ts';
import { readText } from './body.ts';
import { mediaType, parseJson } from './json.ts';
import { HttpProblem } from './problem.ts';

const BODY_BYTES = 16 * 1024;

/** @throws HttpProblem 400 with each wrong field, 413, 415 */
export async function readJson<S extends z.ZodType>(request: Request, schema: S): Promise<z.output<S>> {
  if (mediaType(request) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const parsed = schema.safeParse(parseJson(await readText(request, BODY_BYTES)));
  if (!parsed.success) throw new HttpProblem(400, 'The body is not valid.', { errors: fieldErrors(parsed.error) });
  return parsed.data;
}
