/** Reads `/detect/prom`: the query parameters of a GET, or the JSON body of a POST. */
import { fieldErrors } from '../../../contract/problem.ts';
import { type PromRequest, promRequest } from '../../../contract/prom-request.ts';
import { readText } from '../../http/body.ts';
import { mediaType, parseJson } from '../../http/json.ts';
import { HttpProblem } from '../../http/problem.ts';

const BODY_BYTES = 16 * 1024;
/** Parameters that are not of the body: whose models judge. */
const BESIDE = new Set(['group']);

export interface ReadPromRequest {
  readonly asked: PromRequest;
  readonly unknownFields: number;
}

/** @throws HttpProblem 400, 413 or 415 */
export async function readPromRequest(request: Request): Promise<ReadPromRequest> {
  const given = request.method === 'POST' ? await readBody(request) : fromQuery(new URL(request.url).searchParams);
  const parsed = promRequest.safeParse(given);
  if (!parsed.success) throw new HttpProblem(400, 'The request is not valid.', { errors: fieldErrors(parsed.error) });
  const unknown = Object.keys(given).filter((key) => !(key in promRequest.shape));
  return { asked: parsed.data, unknownFields: unknown.length };
}

async function readBody(request: Request): Promise<object> {
  if (request.body === null || request.headers.get('content-length') === '0') return {};
  if (mediaType(request) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const body = parseJson(await readText(request, BODY_BYTES));
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw new HttpProblem(400, 'The body must be an object, such as {"window": "1m", "instance": "web-1:9477"}.');
}

/** `labels.device=eth0` and `metrics.unique_ips=my_ips` are members of `labels` and `metrics`. */
function fromQuery(query: URLSearchParams): object {
  const given = new Map<string, unknown>();
  const members = { labels: new Map<string, string>(), metrics: new Map<string, string>() };
  for (const [name, value] of query) {
    const [, of, member] = /^(labels|metrics)\.(.+)$/.exec(name) ?? [];
    if (member !== undefined) members[of === 'labels' ? 'labels' : 'metrics'].set(member, value);
    else if (!BESIDE.has(name)) given.set(name, value);
  }
  return {
    ...Object.fromEntries(given),
    ...(members.labels.size > 0 && { labels: Object.fromEntries(members.labels) }),
    ...(members.metrics.size > 0 && { metrics: Object.fromEntries(members.metrics) }),
  };
}
