/** `GET /incidents`, `GET /incidents/:id` and `PATCH /incidents/:id`. */
import { z } from 'zod';
import { INCIDENT_STATES, incidentFilter, incidentPatch } from '../../contract/incident.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { groupName } from '../../contract/quantity.ts';
import { LEVELS } from '../../contract/threats.ts';
import { HttpProblem } from '../http/problem.ts';
import { readJson } from '../http/read-json.ts';
import { requireGroup } from './authenticate.ts';
import { type AppContext, bindingsOf, groupOf, incidentsOf } from './services.ts';

const filter = z.object({
  state: z.enum(INCIDENT_STATES).optional(),
  host: z.string().max(128).optional(),
  ...incidentFilter,
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: z.string().max(128).optional(),
});

/** Newest first; `next` is the `before` of the following page, null on the last. */
export async function listIncidents(c: AppContext): Promise<Response> {
  const parsed = filter.safeParse(c.req.query());
  if (!parsed.success) throw new HttpProblem(400, 'The query is not valid.', { errors: fieldErrors(parsed.error) });
  const { limit, level, since, ...rest } = parsed.data;
  const incidents = await incidentsOf(bindingsOf(c.env), groupOf(c)).list({
    ...rest,
    limit,
    levels: level && LEVELS.slice(LEVELS.indexOf(level)),
    since: since === undefined ? undefined : Date.parse(since),
  });
  return c.json({ incidents, next: incidents.length === limit ? (incidents.at(-1)?.id ?? null) : null });
}

export async function getIncident(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  return answer(c, id, await incidentsOf(bindingsOf(c.env), groupOfIncident(c, id)).find(id));
}

export async function patchIncident(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const group = groupOfIncident(c, id);
  const patch = await readJson(c.req.raw, incidentPatch);
  return answer(c, id, await incidentsOf(bindingsOf(c.env), group).patch(id, patch));
}

function answer(c: AppContext, id: string, incident: object | null): Response {
  if (incident === null) throw noIncident(id);
  return c.json(incident);
}

export function noIncident(id: string): HttpProblem {
  return new HttpProblem(404, `There is no incident ${JSON.stringify(id.slice(0, 100))}.`);
}

/** The id of an incident or campaign ends in its group. @throws HttpProblem 404, or 403 where the token is for another */
export function groupOfIncident(c: AppContext, id: string): string {
  const dot = id.indexOf('.');
  const group = groupName.safeParse(id.slice(dot + 1));
  if (dot < 0 || !group.success) throw noIncident(id);
  requireGroup(c.get('access'), group.data);
  return group.data;
}
