/** `GET` and `POST /incidents/:id/comments`. */
import { commentBody, type IncidentComment } from '../../contract/incident.ts';
import { HttpProblem } from '../http/problem.ts';
import { readJson } from '../http/read-json.ts';
import { groupOfIncident, noIncident } from './incident-routes.ts';
import { type AppContext, bindingsOf, incidentsOf } from './services.ts';

export async function listComments(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const comments = await incidentsOf(bindingsOf(c.env), groupOfIncident(c, id)).comments(id);
  if (comments === null) throw noIncident(id);
  return c.json({ comments });
}

export async function addComment(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const group = groupOfIncident(c, id);
  const { text, author = null } = await readJson(c.req.raw, commentBody);
  const comment: IncidentComment = { at: new Date().toISOString(), author, text };
  const added = await incidentsOf(bindingsOf(c.env), group).addComment(id, comment);
  if (added === null) throw noIncident(id);
  if (added === 'full')
    throw new HttpProblem(409, 'The incident has as many comments as it can hold; use your tracker.');
  return c.json(added, 201);
}
