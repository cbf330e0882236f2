/** The public Worker: every route, and what it asks of the caller. */
import { Hono, type MiddlewareHandler } from 'hono';
import { except } from 'hono/combine';
import { etag, RETAINED_304_HEADERS } from 'hono/etag';
import { API_PREFIX } from '../../contract/client.ts';
import type { Scope } from '../../contract/token.ts';
import { BindingsError } from '../bindings-error.ts';
import { compress } from '../http/compress.ts';
import { HttpProblem, problemResponse } from '../http/problem.ts';
import { securityHeaders } from '../http/security-headers.ts';
import { StorageError } from '../storage/storage-error.ts';
import { audited, isAudited } from './audit.ts';
import type { UncheckedBindings } from './bindings.ts';
import { getCampaign, listCampaigns, patchCampaign } from './campaign-routes.ts';
import { classifyUsername } from './classify-route.ts';
import { addComment, listComments } from './comment-routes.ts';
import { allowListedOrigins, SHARED_WITH_304 } from './cors.ts';
import { detect } from './detect-route.ts';
import { docs, openApi } from './docs-routes.ts';
import { listGroups } from './group-route.ts';
import { getIncident, listIncidents, patchIncident } from './incident-routes.ts';
import { admit } from './limits/admit.ts';
import { limitAddress } from './limits/limit-address.ts';
import {
  addAllowed,
  addMaintenance,
  listAllowed,
  listMaintenance,
  removeAllowed,
  removeMaintenance,
} from './maintenance-routes.ts';
import { countRequest } from './metrics/count-request.ts';
import { metrics } from './metrics-route.ts';
import { listModels, rollback, train } from './model-routes.ts';
import { detectProm } from './prom-route.ts';
import { type AppEnvironment, bindingsOf } from './services.ts';
import { health, stats } from './status-routes.ts';
import { streamIncidents } from './stream-route.ts';
import { listRevoked, revokeToken } from './token-routes.ts';
import { type TrainingMessage, trainEveryGroup, trainQueued } from './training/every-group.ts';
import {
  addEndpoint,
  changeEndpoint,
  getEndpoint,
  listDeadLetters,
  listEndpoints,
  removeEndpoint,
  replayAll,
  replayGroup,
  replayOne,
  rotateSecret,
  testEndpoint,
} from './webhook-routes.ts';
import { welcome } from './welcome-route.ts';

export { Incidents } from './incidents/incidents.ts';
export { Metrics } from './metrics/metrics.ts';
export { Trainings } from './training/trainings.ts';
export { Webhooks } from './webhooks/webhooks.ts';
export { WindowBuffer } from './windows/window-buffer.ts';

const api = new Hono<AppEnvironment>();

api.get('/health', health);

api.post('/detect', asks('ingest'), detect);
api.on(['GET', 'POST'], '/detect/prom', asks('read'), detectProm);
api.post('/classify_username', asks('ingest'), classifyUsername);

api.get('/stats', asks('read'), stats);
api.get('/metrics', asks('read'), metrics);
api.get('/groups', asks('read'), listGroups);
api.get('/incidents', asks('read'), listIncidents);
api.get('/incidents/stream', asks('read'), streamIncidents);
api.get('/incidents/:id', asks('read'), getIncident);
api.patch('/incidents/:id', asks('admin'), patchIncident);
api.get('/incidents/:id/comments', asks('read'), listComments);
api.post('/incidents/:id/comments', asks('admin'), addComment);
api.get('/campaigns', asks('read'), listCampaigns);
api.get('/campaigns/:id', asks('read'), getCampaign);
api.patch('/campaigns/:id', asks('admin'), patchCampaign);
api.get('/maintenance', asks('read'), listMaintenance);
api.post('/maintenance', asks('admin'), addMaintenance);
api.delete('/maintenance/:id', asks('admin'), removeMaintenance);
api.get('/allowed_sources', asks('read'), listAllowed);
api.post('/allowed_sources', asks('admin'), addAllowed);
api.delete('/allowed_sources', asks('admin'), removeAllowed);

api.get('/webhooks', asks('read'), listEndpoints);
api.post('/webhooks', asks('admin'), addEndpoint);
api.post('/webhooks/replay', asks('admin'), replayGroup);
api.get('/webhooks/:id', asks('read'), getEndpoint);
api.patch('/webhooks/:id', asks('admin'), changeEndpoint);
api.delete('/webhooks/:id', asks('admin'), removeEndpoint);
api.post('/webhooks/:id/test', asks('admin'), testEndpoint);
api.post('/webhooks/:id/rotate', asks('admin'), rotateSecret);
api.get('/webhooks/:id/dead', asks('read'), listDeadLetters);
api.post('/webhooks/:id/dead/replay', asks('admin'), replayAll);
api.post('/webhooks/:id/dead/:message/replay', asks('admin'), replayOne);

api.get('/models', asks('read'), listModels);
api.post('/models/rollback', asks('train'), rollback);
api.post('/train', asks('train'), train);

api.get('/tokens/revoked', asks('admin'), listRevoked);
api.post('/tokens/revoke', asks('admin'), revokeToken);

/** They have no end to wait for. */
const STREAMS = ['/incidents/stream', `${API_PREFIX}/incidents/stream`];

/** A browser puts the headers of a 304 in place of those that it has: with another policy than its own a page would not run again. */
const KEPT_WITH_304 = [...SHARED_WITH_304, 'content-security-policy'];

const app = new Hono<AppEnvironment>();

app.use(countRequest);
app.use(securityHeaders);
app.use(except(STREAMS, compress, etag({ weak: true, retainedHeaders: [...RETAINED_304_HEADERS, ...KEPT_WITH_304] })));
app.use(allowListedOrigins(() => app.routes));
app.use(limitAddress);

app.get('/', (c) => welcome(c, app.routes));
app.get('/openapi.json', openApi);
app.get('/docs', docs);
app.route(API_PREFIX, api);
app.route('/', api);

app.notFound((c) => problemResponse(notFoundOrWrongMethod(c.req.method, c.req.path)));
app.onError((error) => problemResponse(explained(error)));

function asks(scope: Scope): MiddlewareHandler<AppEnvironment> {
  return (c, next) => {
    const answer = async (): Promise<void> => {
      await admit(c, scope);
      await next();
    };
    return isAudited(scope) ? audited(c, answer) : answer();
  };
}

function notFoundOrWrongMethod(method: string, path: string): HttpProblem {
  const allowed = new Set(
    app.routes.filter((route) => route.method !== 'ALL' && matches(route.path, path)).map((route) => route.method),
  );
  if (allowed.size === 0) return new HttpProblem(404, 'There is no such route.');
  if (allowed.has('GET')) allowed.add('HEAD');
  const list = [...allowed].join(', ');
  return new HttpProblem(405, `${method} is not allowed here; this route takes ${list}.`, { headers: { allow: list } });
}

function matches(pattern: string, path: string): boolean {
  const parts = path.split('/');
  const wanted = pattern.split('/');
  return (
    parts.length === wanted.length &&
    wanted.every((part, i) => (part.startsWith(':') ? parts[i] !== '' : part === parts[i]))
  );
}

/** A deployment that lacks something says what, instead of serving without it; so does one whose storage is away. */
function explained(error: Error): Error {
  if (error instanceof BindingsError || error.name === 'InvalidThresholdError')
    return new HttpProblem(503, error.message, {}, { cause: error });
  if (error instanceof StorageError) {
    console.error(JSON.stringify({ level: 'error', event: 'storage_failed', message: error.message }));
    const detail = `Storage failed (${error.code}), and this cannot be answered without it. Try again in a moment.`;
    return new HttpProblem(503, detail, { headers: { 'retry-after': '10' } }, { cause: error });
  }
  // The runtime's word for an object that is moving, or whose process is being started again.
  if ('retryable' in error && error.retryable === true) {
    console.warn(JSON.stringify({ level: 'warn', event: 'object_away', message: error.message }));
    const detail = 'A part of this service is away for a moment. Ask again.';
    return new HttpProblem(503, detail, { headers: { 'retry-after': '2' } }, { cause: error });
  }
  return error;
}

export default {
  fetch: app.fetch,
  scheduled: (_controller, env) => trainEveryGroup(bindingsOf(env)),
  queue: (batch, env) => trainQueued(bindingsOf(env), batch),
} satisfies ExportedHandler<UncheckedBindings, TrainingMessage>;
