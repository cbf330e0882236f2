/** Every operation of the public API, in one table: the OpenAPI document is generated from it and the client typed by it. */
import { z } from 'zod';
import { campaign, campaignPage, campaignQuery } from './campaign.ts';
import { classifyAnswer, classifyRequest } from './classification.ts';
import { batch, flatObject } from './detect-request.ts';
import { comment, commentBody, incident, incidentPage, incidentPatch, incidentQuery } from './incident.ts';
import { groupQuery, modelPage, modelQuery, rollbackRequest, rolledBack, trained } from './model-list.ts';
import { allowedSource, maintenanceBody, maintenanceWindow } from './muting.ts';
import { promAnswer } from './prom-answer.ts';
import { promRequest } from './prom-request.ts';
import { detectAnswer } from './result.ts';
import { health, misconfigured, stats } from './status.ts';
import { revocation, revokedAnswer, revokedPage, revokedQuery, type Scope } from './token.ts';

/** Statuses that a problem+json answers, besides those that `refusalsOf` tells from the operation itself. */
export type Refusal = 400 | 401 | 403 | 404 | 408 | 409 | 413 | 415 | 422 | 429 | 502 | 504;

export interface Operation {
  /** Of the document, in which each operation has a name of its own. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** Null: open to everybody. */
  readonly scope: Scope | null;
  readonly path?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** A body that is valid, to show. */
  readonly example?: object;
  /** The body may be left out. */
  readonly bodyOptional?: true;
  /** Other media types of the body, with what stands in them. */
  readonly otherBodies?: Readonly<Record<string, string>>;
  readonly requestHeaders?: Readonly<Record<string, string>>;
  readonly answer: z.ZodType;
  /** Where it is not 200. */
  readonly status?: 201;
  /** Where the answer is no JSON. */
  readonly answerType?: string;
  /** Answers besides 200 that are no problem+json. */
  readonly otherAnswers?: Readonly<Record<number, z.ZodType>>;
  readonly refusals?: readonly Refusal[];
}

/** Where PROMETHEUS_URL leads: it lacks the samples, answers something else, or takes too long. */
const PROM_REFUSALS = [422, 502, 504] as const;

const allowedAnswer = allowedSource.extend({ source: z.string().describe('As a network.') });
const incidentPath = z.object({ id: z.string().min(1).describe('As the list names it; it ends in the group.') });

export const operations = {
  'POST /detect': {
    id: 'detect',
    summary: 'Judge one flat object, or a batch of windows',
    description:
      'A flat object is judged and not stored. A batch is stored before it is answered, results in the order of its windows; one bad window fails the whole, and nothing of it is kept. The same batch posted again is answered the same and stored once.',
    scope: 'ingest',
    requestHeaders: { 'Idempotency-Key': 'The same on every retry of a batch; at most 255 characters.' },
    body: z.union([batch, flatObject]),
    example: { packets_per_second: 1200, unique_ports: 50 },
    otherBodies: { 'application/x-ndjson': 'One window a line, NetworkWindow or AuthWindow.' },
    answer: detectAnswer,
  },
  'GET /detect/prom': {
    id: 'detectByPrometheusQuery',
    summary: 'Judge a host by what a Prometheus server knows of it',
    description:
      'The server is PROMETHEUS_URL. `labels.NAME` and `metrics.FEATURE` are parameters too: the members of `labels` and `metrics` in the body of a POST. Nothing is stored.',
    scope: 'read',
    query: groupQuery.extend(promRequest.omit({ labels: true, metrics: true }).shape),
    answer: promAnswer,
    refusals: PROM_REFUSALS,
  },
  'POST /detect/prom': {
    id: 'detectByPrometheus',
    summary: 'Judge a host by what a Prometheus server knows of it, by metrics of your own',
    description: 'The server is PROMETHEUS_URL. Nothing is stored.',
    scope: 'read',
    query: groupQuery,
    body: promRequest,
    example: { window: '5m', instance: 'web-1:9477', metrics: { unique_ports: 'my_ports' } },
    bodyOptional: true,
    answer: promAnswer,
    refusals: PROM_REFUSALS,
  },
  'POST /classify_username': {
    id: 'classifyUsername',
    summary: 'Tell which kind of string a user name is',
    description: 'The text is never stored or logged. A list is answered with a list in the same order.',
    scope: 'ingest',
    body: classifyRequest,
    example: { username: 'ls -la' },
    answer: classifyAnswer,
  },
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
  'POST /webhooks/replay': {
    id: 'replayWebhooks',
    summary: 'Send webhooks again that were given up',
    scope: 'admin',
    query: groupQuery,
    answer: z.object({ replayed: z.number().int().nonnegative() }),
  },
  'GET /models': {
    id: 'listModels',
    summary: 'List trained versions with their quality, the newest first',
    scope: 'read',
    query: modelQuery,
    answer: modelPage,
  },
  'POST /models/rollback': {
    id: 'rollBackModels',
    summary: 'Go back to an earlier version; live in seconds',
    scope: 'train',
    query: groupQuery,
    body: rollbackRequest,
    example: { version: '20261120T120000Z-0a1b2c3d' },
    bodyOptional: true,
    answer: rolledBack,
    refusals: [404, 409],
  },
  'POST /train': {
    id: 'train',
    summary: 'Train now',
    description: 'A version that fails a check is held back, with the reason.',
    scope: 'train',
    query: groupQuery,
    answer: trained,
    refusals: [409, 422, 504],
  },
  'GET /stats': {
    id: 'getStats',
    summary: 'Read the alert budget and the rate measured against it, with counters',
    scope: 'read',
    query: groupQuery,
    answer: stats,
  },
  'GET /metrics': {
    id: 'getMetrics',
    summary: 'Read the totals of the deployment for Prometheus',
    description: 'Of all groups, where neither `group` nor the token names one.',
    scope: 'read',
    query: groupQuery,
    answer: z.string(),
    answerType: 'text/plain; version=0.0.4; charset=utf-8',
  },
  'GET /health': {
    id: 'getHealth',
    summary: 'Whether this deployment can work; also 200 while nothing is trained',
    description: '`group` is heeded only where no token is needed.',
    scope: null,
    query: groupQuery,
    answer: health,
    otherAnswers: { 503: misconfigured },
  },
  'GET /tokens/revoked': {
    id: 'listRevokedTokens',
    summary: 'List the tokens that were revoked, the latest first',
    scope: 'admin',
    query: revokedQuery,
    answer: revokedPage,
  },
  'POST /tokens/revoke': {
    id: 'revokeToken',
    summary: 'End a token before its time; holds everywhere within half a minute',
    scope: 'admin',
    body: revocation,
    example: { id: '0123456789abcdef0123456789abcdef' },
    answer: revokedAnswer,
    refusals: [409],
  },
} as const satisfies Record<string, Operation>;

export type Operations = typeof operations;
export type OperationName = keyof Operations;
/** Those that the client calls. */
export type JsonOperationName = {
  [N in OperationName]: Operations[N] extends { answerType: string } ? never : N;
}[OperationName];

/** Every status that the operation may answer with a problem+json, in ascending order. */
export function refusalsOf(operation: Operation): Refusal[] {
  const { path, query, body, scope, refusals = [] } = operation;
  const all = new Set<Refusal>([429, ...refusals]);
  if (query !== undefined || body !== undefined) all.add(400);
  if (body !== undefined) all.add(408).add(413).add(415);
  if (scope !== null) all.add(401).add(403);
  if (path !== undefined) all.add(404);
  return [...all].sort((a, b) => a - b);
}
