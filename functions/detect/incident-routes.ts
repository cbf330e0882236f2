/** `GET /incidents`, `GET /incidents/:id` and `PATCH /incidents/:id`. */
import { incidentPatch, incidentQuery } from '../../contract/incident.ts';
import { groupName } from '../../contract/quantity.ts';
import { LEVELS } from '../../contract/threats.ts';
import { HttpProblem } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { readJson } from '../http/read-json.ts';
import { answerPage } from './page.ts';
import { type AppContext, aboutGroup, bindingsOf, groupOf, incidentsOf } from './services.ts';

export async function listIncidents(c: AppContext): Promise<Response> {
  const { limit, level, since, ...rest } = readQuery(c.req.query(), incidentQuery);
  // One more than asked for tells whether a page follows.
  const found = await incidentsOf(bindingsOf(c.env), groupOf(c)).list({
    ...rest,
    limit: limit + 1,
    levels: level && LEVELS.slice(LEVELS.indexOf(level)),
    since: since === undefined ? undefined : Date.parse(since),
  });
  const incidents = found.slice(0, limit);
  const next = found.length > limit ? (incidents.at(-1)?.id ?? null) : null;
  return answerPage(c, { incidents, next });
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
  return aboutGroup(c, group.data);
}
