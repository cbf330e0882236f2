/** What is recorded and not told: `/maintenance` and `/allowed_sources`, each with GET, POST and DELETE. */
import { allowedSource, maintenanceBody } from '../../contract/muting.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { HttpProblem } from '../http/problem.ts';
import { readJson } from '../http/read-json.ts';
import { type AppContext, bindingsOf, groupOf, incidentsOf } from './services.ts';

export async function listMaintenance(c: AppContext): Promise<Response> {
  const { maintenance } = await incidentsOf(bindingsOf(c.env), groupOf(c)).mutes();
  return c.json({ maintenance });
}

export async function addMaintenance(c: AppContext): Promise<Response> {
  const group = groupOf(c);
  const body = await readJson(c.req.raw, maintenanceBody);
  const window = await incidentsOf(bindingsOf(c.env), group).addMaintenance(body);
  if (window === null) throw full('maintenance windows');
  return c.json(window, 201);
}

/** One that lasts ends with it. */
export async function removeMaintenance(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  if (!(await incidentsOf(bindingsOf(c.env), groupOf(c)).removeMute('maintenance', id)))
    throw new HttpProblem(404, `There is no maintenance window ${JSON.stringify(id.slice(0, 100))}.`);
  return c.json({ status: 'removed', id });
}

export async function listAllowed(c: AppContext): Promise<Response> {
  const { allowed } = await incidentsOf(bindingsOf(c.env), groupOf(c)).mutes();
  return c.json({ allowed_sources: allowed });
}

export async function addAllowed(c: AppContext): Promise<Response> {
  const group = groupOf(c);
  const source = await readJson(c.req.raw, allowedSource);
  if (!(await incidentsOf(bindingsOf(c.env), group).addAllowed(source))) throw full('allowed sources');
  return c.json(source, 201);
}

/** `?source=`, since a network has a slash in it. */
export async function removeAllowed(c: AppContext): Promise<Response> {
  const asked = allowedSource.shape.source.safeParse(c.req.query('source'));
  if (!asked.success)
    throw new HttpProblem(400, 'The query is not valid.', {
      errors: fieldErrors(asked.error).map(({ message }) => ({ path: 'source', message })),
    });
  if (!(await incidentsOf(bindingsOf(c.env), groupOf(c)).removeMute('allowed', asked.data)))
    throw new HttpProblem(404, `There is no allowed source ${asked.data}.`);
  return c.json({ status: 'removed', source: asked.data });
}

function full(what: string): HttpProblem {
  return new HttpProblem(409, `The group has as many ${what} as it can hold. Remove one first.`);
}
