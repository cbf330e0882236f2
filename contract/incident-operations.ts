/** The operations on incidents and campaigns, and on what is recorded and not told. */
import * as z from 'zod';
import { campaign, campaignPage, campaignQuery } from './campaign.ts';
import { comment, commentBody, incident, incidentPage, incidentPatch, incidentQuery } from './incident.ts';
import { groupQuery } from './model-list.ts';
import { allowedSource, maintenanceBody, maintenanceWindow } from './muting.ts';
import type { Operation } from './operation.ts';

const allowedAnswer = allowedSource.extend({ source: z.string().describe('As a network.') });
const incidentPath = z.object({ id: z.string().min(1).describe('As the list names it; it ends in the group.') });

export const incidentOperations = {
  'GET /incidents': {
    id: 'listIncidents',
    summary: 'List incidents, the newest first',
    scope: 'read',
    query: incidentQuery,
    answer: incidentPage,
  },
  'GET /incidents/{id}': {
    id: 'getIncident',
    summary: 'Read one incident with its evidence',
    scope: 'read',
    path: incidentPath,
    answer: incident,
  },
  'PATCH /incidents/{id}': {
    id: 'patchIncident',
    summary: 'Acknowledge or resolve an incident, or call it a false alarm',
    description: 'Training takes the windows of a false alarm back among the normal ones.',
    scope: 'admin',
    path: incidentPath,
    body: incidentPatch,
    example: { state: 'acknowledged', note: 'a scan by our own auditors' },
    answer: incident,
  },
  'GET /incidents/stream': {
    id: 'streamIncidents',
    summary: 'Follow incidents and campaigns as they change',
    description: 'Server-sent events; Last-Event-ID resumes after a lost connection.',
    scope: 'read',
    query: groupQuery,
    requestHeaders: { 'Last-Event-ID': 'The id of the last event that arrived.' },
    answer: z.string(),
    answerType: 'text/event-stream',
  },
  'GET /incidents/{id}/comments': {
    id: 'listComments',
    summary: 'List the comments on an incident',
    scope: 'read',
    path: incidentPath,
    answer: z.object({ comments: z.array(comment) }),
  },
  'POST /incidents/{id}/comments': {
    id: 'addComment',
    summary: 'Comment on an incident',
    scope: 'admin',
    path: incidentPath,
    body: commentBody,
    example: { text: 'seen before', author: 'night shift' },
    status: 201,
    answer: comment,
    refusals: [409],
  },
  'GET /campaigns': {
    id: 'listCampaigns',
    summary: 'List campaigns, the newest first',
    scope: 'read',
    query: campaignQuery,
    answer: campaignPage,
  },
  'GET /campaigns/{id}': {
    id: 'getCampaign',
    summary: 'Read one campaign',
    scope: 'read',
    path: incidentPath,
    answer: campaign,
  },
  'PATCH /campaigns/{id}': {
    id: 'patchCampaign',
    summary: 'Acknowledge or resolve a campaign, or call it a false alarm',
    description: 'Its incidents change with it.',
    scope: 'admin',
    path: incidentPath,
    body: incidentPatch,
    example: { state: 'acknowledged' },
    answer: campaign,
  },
  'GET /maintenance': {
    id: 'listMaintenance',
    summary: 'List maintenance windows, in which alerts are recorded and not told',
    scope: 'read',
    query: groupQuery,
    answer: z.object({ maintenance: z.array(maintenanceWindow) }),
  },
  'POST /maintenance': {
    id: 'addMaintenance',
    summary: 'Announce maintenance',
    scope: 'admin',
    query: groupQuery,
    body: maintenanceBody,
    example: { hosts: 'web-*', from: '2026-11-21T22:00:00Z', until: '2026-11-22T02:00:00Z', reason: 'new switches' },
    status: 201,
    answer: maintenanceWindow,
    refusals: [409],
  },
  'DELETE /maintenance/{id}': {
    id: 'removeMaintenance',
    summary: 'End or cancel maintenance',
    scope: 'admin',
    path: incidentPath,
    query: groupQuery,
    answer: z.object({ status: z.literal('removed'), id: z.string() }),
  },
  'GET /allowed_sources': {
    id: 'listAllowedSources',
    summary: 'List the sources that may look like attackers',
    scope: 'read',
    query: groupQuery,
    answer: z.object({ allowed_sources: z.array(allowedAnswer) }),
  },
  'POST /allowed_sources': {
    id: 'addAllowedSource',
    summary: 'Allow a source to look like an attacker',
    scope: 'admin',
    query: groupQuery,
    body: allowedSource,
    example: { source: '192.0.2.0/24', reason: 'our own scanner' },
    status: 201,
    answer: allowedAnswer,
    refusals: [409],
  },
  'DELETE /allowed_sources': {
    id: 'removeAllowedSource',
    summary: 'Allow a source no longer',
    scope: 'admin',
    query: groupQuery.extend({ source: z.string().max(64) }),
    answer: z.object({ status: z.literal('removed'), source: z.string() }),
    refusals: [404],
  },
} as const satisfies Record<string, Operation>;
