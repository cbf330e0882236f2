/** problem+json (RFC 9457), the one shape of every error answer. */
import * as z from 'zod';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export const fieldError = z.object({
  /** JSON path of the wrong field, such as `windows[3].sources[0].ip`. */
  path: z.string(),
  message: z.string(),
});

export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int().min(400).max(599),
  detail: z.string().optional(),
  errors: z.array(fieldError).optional(),
});

export type FieldError = z.output<typeof fieldError>;
export type Problem = z.output<typeof problem>;

/** zod's path, such as `['windows', 3, 'ip']`, as `windows[3].ip`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

/** At most `limit` field errors of a zod error, with paths in words. */
export function fieldErrors(error: z.ZodError, limit = 20): FieldError[] {
  return error.issues.slice(0, limit).map((issue) => ({ path: formatPath(issue.path), message: issue.message }));
}
