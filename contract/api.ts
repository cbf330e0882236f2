/** Every operation of the public API, in one table: the OpenAPI document is generated from it and the client typed by it. */
import * as z from 'zod';
import { classifyAnswer, classifyRequest } from './classification.ts';
import { COLUMNS_MEDIA_TYPE } from './columns/format.ts';
import { batch, flatObject } from './detect-request.ts';
import { groupList } from './group-list.ts';
import { incidentOperations } from './incident-operations.ts';
import { groupQuery, modelPage, modelQuery, rollbackRequest, rolledBack, trained } from './model-list.ts';
import type { Operation } from './operation.ts';
import { promAnswer } from './prom-answer.ts';
import { promRequest } from './prom-request.ts';
import { detectAnswer } from './result.ts';
import { health, misconfigured, stats } from './status.ts';
import { revocation, revokedAnswer, revokedPage, revokedQuery } from './token.ts';
import { webhookOperations } from './webhook-operations.ts';

/** Where PROMETHEUS_URL leads: it lacks the samples, answers something else, or takes too long. */
const PROM_REFUSALS = [422, 502, 504] as const;

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
    otherBodies: {
      'application/x-ndjson': 'One window a line, NetworkWindow or AuthWindow.',
      [COLUMNS_MEDIA_TYPE]:
        'Windows by columns, for many at once (docs/bulk.md). The answer counts them under `judged` and lists under `found` those in which something was found, with their `index`.',
    },
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
  'GET /groups': {
    id: 'listGroups',
    summary: 'List the groups that have posted, and how each stands',
    description: 'A token that is bound to a group reads of that one alone.',
    scope: 'read',
    answer: groupList,
  },
  ...incidentOperations,
  ...webhookOperations,
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
