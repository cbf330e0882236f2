/** Errors as problem+json (RFC 9457): the exception that a route throws, and the answer that it becomes. */
import { type FieldError, PROBLEM_MEDIA_TYPE, type Problem } from '../../contract/problem.ts';

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Content too large',
  415: 'Unsupported media type',
  422: 'Unprocessable content',
  429: 'Too many requests',
  500: 'Internal error',
  502: 'Bad gateway',
  503: 'Service unavailable',
  504: 'Gateway timeout',
};

/** A refusal that the client is told about; `detail` says what to do. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly errors: FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    detail: string,
    extra: { errors?: FieldError[]; headers?: Record<string, string> } = {},
    options?: ErrorOptions,
  ) {
    super(detail, options);
    this.status = status;
    this.errors = extra.errors;
    this.headers = extra.headers ?? {};
  }
}

/** The answer to a thrown error. What is not an HttpProblem is ours: it is logged in full and told in short. */
export function problemResponse(error: unknown): Response {
  if (error instanceof HttpProblem) return toResponse(error);
  console.error(
    JSON.stringify({
      level: 'error',
      event: 'unexpected_error',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }),
  );
  return toResponse(new HttpProblem(500, 'This is a fault of the service, not of the request; its log has the cause.'));
}

function toResponse(problem: HttpProblem): Response {
  const body: Problem = {
    type: 'about:blank',
    title: TITLES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.message,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  };
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: { 'content-type': PROBLEM_MEDIA_TYPE, ...problem.headers },
  });
}
