/** The routes below `/webhooks`: endpoints, their secrets, a test, and dead letters. */
import * as z from 'zod';
import { fieldErrors } from '../../contract/problem.ts';
import { type EndpointFilter, endpointPatch, newEndpoint } from '../../contract/webhook-endpoint.ts';
import { readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem } from '../http/problem.ts';
import { type AppContext, bindingsOf, groupOf, webhooksOf } from './services.ts';
import { isRefusal, type Refusal } from './webhooks/refusal.ts';
import type { Webhooks } from './webhooks/webhooks.ts';

const BODY_BYTES = 16 * 1024;

const page = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: z.string().max(128).optional(),
});

export async function listEndpoints(c: AppContext): Promise<Response> {
  return c.json({ endpoints: await stub(c).list(c.get('access').group) });
}

export async function getEndpoint(c: AppContext): Promise<Response> {
  return c.json(granted(await stub(c).get(id(c), c.get('access').group)));
}

/** The one answer that holds the secret. */
export async function addEndpoint(c: AppContext): Promise<Response> {
  const wanted = await read(c, newEndpoint);
  const created = granted(await stub(c).create({ ...wanted, filter: ownFilter(c, wanted.filter) }));
  return c.json(created, 201, { location: `/webhooks/${created.id}` });
}

export async function changeEndpoint(c: AppContext): Promise<Response> {
  const { filter, ...patch } = await read(c, endpointPatch);
  const own = filter === undefined ? patch : { ...patch, filter: ownFilter(c, filter) };
  return c.json(granted(await stub(c).change(id(c), own, c.get('access').group)));
}

export async function removeEndpoint(c: AppContext): Promise<Response> {
  return c.json({ status: 'removed', ...granted(await stub(c).remove(id(c), c.get('access').group)) });
}

export async function testEndpoint(c: AppContext): Promise<Response> {
  return c.json(granted(await stub(c).test(id(c), c.get('access').group)));
}

export async function rotateSecret(c: AppContext): Promise<Response> {
  return c.json(granted(await stub(c).rotate(id(c), c.get('access').group)));
}

/** Newest first; `next` is the `before` of the following page, null on the last. */
export async function listDeadLetters(c: AppContext): Promise<Response> {
  const parsed = page.safeParse(c.req.query());
  if (!parsed.success) throw new HttpProblem(400, 'The query is not valid.', { errors: fieldErrors(parsed.error) });
  const { limit, before = null } = parsed.data;
  const { dead } = granted(await stub(c).dead(id(c), limit, before, c.get('access').group));
  return c.json({ dead, next: dead.length === limit ? (dead.at(-1)?.message ?? null) : null });
}

export async function replayAll(c: AppContext): Promise<Response> {
  return c.json(granted(await stub(c).replay(id(c), null, c.get('access').group)));
}

export async function replayOne(c: AppContext): Promise<Response> {
  return c.json(granted(await stub(c).replay(id(c), c.req.param('message') ?? '', c.get('access').group)));
}

/** Of one group, whatever the endpoint. */
export async function replayGroup(c: AppContext): Promise<Response> {
  return c.json({ replayed: await stub(c).replayGroup(groupOf(c)) });
}

function stub(c: AppContext): DurableObjectStub<Webhooks> {
  return webhooksOf(bindingsOf(c.env).webhooks);
}

function id(c: AppContext): string {
  return c.req.param('id') ?? '';
}

/** @throws HttpProblem 400, 413, 415 */
async function read<Schema extends z.ZodType>(c: AppContext, schema: Schema): Promise<z.output<Schema>> {
  if (mediaType(c.req.raw) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const parsed = schema.safeParse(parseJson(await readText(c.req.raw, BODY_BYTES)));
  if (!parsed.success) throw new HttpProblem(400, 'The body is not valid.', { errors: fieldErrors(parsed.error) });
  return parsed.data;
}

/** Who holds a token of one group makes endpoints for that group. @throws HttpProblem 403 */
function ownFilter(c: AppContext, filter: EndpointFilter): EndpointFilter {
  const { group } = c.get('access');
  if (group === null) return filter;
  if (filter.groups.some((other) => other !== group))
    throw new HttpProblem(403, `The token is for the group "${group}" only.`, {
      errors: [{ path: 'filter.groups', message: `must be ["${group}"]` }],
    });
  return { ...filter, groups: [group] };
}

/** @throws HttpProblem where the object refused */
function granted<Answer extends object>(answer: Answer | (Refusal & Disposable)): Answer {
  if (!isRefusal(answer)) return answer;
  const { refused, detail, path } = answer;
  if (path === undefined) throw new HttpProblem(refused, detail);
  throw new HttpProblem(refused, 'The body is not valid.', { errors: [{ path, message: detail }] });
}
