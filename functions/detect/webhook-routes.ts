/** The routes below `/webhooks`: endpoints, their secrets, a test, and dead letters. */
import { deadLetterQuery, type EndpointFilter, endpointPatch, newEndpoint } from '../../contract/webhook-endpoint.ts';
import { HttpProblem } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { readJson } from '../http/read-json.ts';
import { answerPage } from './page.ts';
import { type AppContext, bindingsOf, groupOf, webhooksOf } from './services.ts';
import { isRefusal, type Refusal } from './webhooks/refusal.ts';
import type { Webhooks } from './webhooks/webhooks.ts';

export async function listEndpoints(c: AppContext): Promise<Response> {
  return c.json({ endpoints: await stub(c).list(c.get('access').group) });
}

export async function getEndpoint(c: AppContext): Promise<Response> {
  return c.json(granted(await stub(c).get(id(c), c.get('access').group)));
}

/** The one answer that holds the secret. */
export async function addEndpoint(c: AppContext): Promise<Response> {
  const wanted = await readJson(c.req.raw, newEndpoint);
  const created = granted(await stub(c).create({ ...wanted, filter: ownFilter(c, wanted.filter) }));
  return c.json(created, 201, { location: `/webhooks/${created.id}` });
}

export async function changeEndpoint(c: AppContext): Promise<Response> {
  const { filter, ...patch } = await readJson(c.req.raw, endpointPatch);
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

export async function listDeadLetters(c: AppContext): Promise<Response> {
  const { limit, cursor = null } = readQuery(c.req.query(), deadLetterQuery);
  return answerPage(c, granted(await stub(c).dead(id(c), limit, cursor, c.get('access').group)));
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
