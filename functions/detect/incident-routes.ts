/** `GET /incidents`, `GET /incidents/:id`, `PATCH /incidents/:id`, and the replay of dead letters. */
import { incidentPatch, incidentQuery } from '../../contract/incident.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { groupName } from '../../contract/quantity.ts';
import { readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { requireGroup } from './authenticate.ts';
import { answerPage } from './page.ts';
import { type AppContext, bindingsOf, groupOf, incidentsOf } from './services.ts';

const PATCH_BYTES = 16 * 1024;

export async function listIncidents(c: AppContext): Promise<Response> {
  const query = readQuery(c.req.query(), incidentQuery);
  const store = incidentsOf(bindingsOf(c.env), groupOf(c));
  // One more than asked for tells whether a page follows.
  const found = await store.list({ ...query, limit: query.limit + 1 });
  const incidents = found.slice(0, query.limit);
  const next = found.length > query.limit ? (incidents.at(-1)?.id ?? null) : null;
  return answerPage(c, { incidents, next });
}

export async function getIncident(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  return answer(c, id, await incidentsOf(bindingsOf(c.env), groupOfIncident(c, id)).find(id));
}

export async function patchIncident(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const group = groupOfIncident(c, id);
  if (mediaType(c.req.raw) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const parsed = incidentPatch.safeParse(parseJson(await readText(c.req.raw, PATCH_BYTES)));
  if (!parsed.success) throw new HttpProblem(400, 'The patch is not valid.', { errors: fieldErrors(parsed.error) });
  return answer(c, id, await incidentsOf(bindingsOf(c.env), group).patch(id, parsed.data));
}

export async function replayWebhooks(c: AppContext): Promise<Response> {
  return c.json({ replayed: await incidentsOf(bindingsOf(c.env), groupOf(c)).replayWebhooks() });
}

function answer(c: AppContext, id: string, incident: object | null): Response {
  if (incident === null) throw new HttpProblem(404, `There is no incident ${JSON.stringify(id.slice(0, 100))}.`);
  return c.json(incident);
}

/** An incident's id ends in its group. */
function groupOfIncident(c: AppContext, id: string): string {
  const dot = id.indexOf('.');
  const group = groupName.safeParse(id.slice(dot + 1));
  if (dot < 0 || !group.success)
    throw new HttpProblem(404, `There is no incident ${JSON.stringify(id.slice(0, 100))}.`);
  requireGroup(c.get('access'), group.data);
  return group.data;
}
