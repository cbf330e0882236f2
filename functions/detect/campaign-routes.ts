/** `GET /campaigns`, `GET /campaigns/:id`, `PATCH /campaigns/:id`. */
import { z } from 'zod';
import { incidentPatch } from '../../contract/incident.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { HttpProblem } from '../http/problem.ts';
import { readJson } from '../http/read-json.ts';
import { groupOfIncident } from './incident-routes.ts';
import { type AppContext, bindingsOf, groupOf, incidentsOf } from './services.ts';

const page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  before: z.string().max(128).optional(),
});

/** Newest first; `next` is the `before` of the following page, null on the last. */
export async function listCampaigns(c: AppContext): Promise<Response> {
  const parsed = page.safeParse(c.req.query());
  if (!parsed.success) throw new HttpProblem(400, 'The query is not valid.', { errors: fieldErrors(parsed.error) });
  const { limit, before = null } = parsed.data;
  // One more than asked for tells whether a page follows.
  const found = await incidentsOf(bindingsOf(c.env), groupOf(c)).listCampaigns(limit + 1, before);
  const campaigns = found.slice(0, limit);
  return c.json({ campaigns, next: found.length > limit ? (campaigns.at(-1)?.id ?? null) : null });
}

export async function getCampaign(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  return answer(c, id, await incidentsOf(bindingsOf(c.env), groupOfIncident(c, id)).findCampaign(id));
}

/** Its incidents change with it. */
export async function patchCampaign(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const group = groupOfIncident(c, id);
  const patch = await readJson(c.req.raw, incidentPatch);
  return answer(c, id, await incidentsOf(bindingsOf(c.env), group).patchCampaign(id, patch));
}

function answer(c: AppContext, id: string, campaign: object | null): Response {
  if (campaign === null) throw new HttpProblem(404, `There is no campaign ${JSON.stringify(id.slice(0, 100))}.`);
  return c.json(campaign);
}
