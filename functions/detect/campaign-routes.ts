/** `GET /campaigns`, `GET /campaigns/:id`, `PATCH /campaigns/:id`. */
import { campaignQuery } from '../../contract/campaign.ts';
import { incidentPatch } from '../../contract/incident.ts';
import { HttpProblem } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { readJson } from '../http/read-json.ts';
import { groupOfIncident } from './incident-routes.ts';
import { answerPage } from './page.ts';
import { type AppContext, bindingsOf, groupOf, incidentsOf } from './services.ts';

export async function listCampaigns(c: AppContext): Promise<Response> {
  const { limit, cursor = null } = readQuery(c.req.query(), campaignQuery);
  // One more than asked for tells whether a page follows.
  const found = await incidentsOf(bindingsOf(c.env), groupOf(c)).listCampaigns(limit + 1, cursor);
  const campaigns = found.slice(0, limit);
  return answerPage(c, { campaigns, next: found.length > limit ? (campaigns.at(-1)?.id ?? null) : null });
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
