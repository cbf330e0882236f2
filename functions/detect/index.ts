/** The public Worker: every route, and what it asks of the caller. */
import { Hono, type MiddlewareHandler } from 'hono';
import { BindingsError } from '../bindings-error.ts';
import { HttpProblem, problemResponse } from '../http/problem.ts';
import { securityHeaders } from '../http/security-headers.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { Scope } from './authenticate.ts';
import type { UncheckedBindings } from './bindings.ts';
import { getCampaign, listCampaigns, patchCampaign } from './campaign-routes.ts';
import { classifyUsername } from './classify-route.ts';
import { addComment, listComments } from './comment-routes.ts';
import { allowListedOrigins } from './cors.ts';
import { detect } from './detect-route.ts';
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

const app = new Hono<AppEnvironment>();

app.use(countRequest);
app.use(securityHeaders);
app.use(allowListedOrigins);
app.use(limitAddress);

app.get('/', welcome);
app.get('/health', health);

app.post('/detect', asks('ingest'), detect);
app.on(['GET', 'POST'], '/detect/prom', asks('read'), detectProm);
app.post('/classify_username', asks('ingest'), classifyUsername);

app.get('/stats', asks('read'), stats);
app.get('/metrics', asks('read'), metrics);
app.get('/incidents', asks('read'), listIncidents);
app.get('/incidents/stream', asks('read'), streamIncidents);
app.get('/incidents/:id', asks('read'), getIncident);
app.patch('/incidents/:id', asks('admin'), patchIncident);
app.get('/incidents/:id/comments', asks('read'), listComments);
app.post('/incidents/:id/comments', asks('admin'), addComment);
app.get('/campaigns', asks('read'), listCampaigns);
app.get('/campaigns/:id', asks('read'), getCampaign);
app.patch('/campaigns/:id', asks('admin'), patchCampaign);
app.get('/maintenance', asks('read'), listMaintenance);
app.post('/maintenance', asks('admin'), addMaintenance);
app.delete('/maintenance/:id', asks('admin'), removeMaintenance);
app.get('/allowed_sources', asks('read'), listAllowed);
app.post('/allowed_sources', asks('admin'), addAllowed);
app.delete('/allowed_sources', asks('admin'), removeAllowed);

app.get('/webhooks', asks('read'), listEndpoints);
app.post('/webhooks', asks('admin'), addEndpoint);
app.post('/webhooks/replay', asks('admin'), replayGroup);
app.get('/webhooks/:id', asks('read'), getEndpoint);
app.patch('/webhooks/:id', asks('admin'), changeEndpoint);
app.delete('/webhooks/:id', asks('admin'), removeEndpoint);
app.post('/webhooks/:id/test', asks('admin'), testEndpoint);
app.post('/webhooks/:id/rotate', asks('admin'), rotateSecret);
app.get('/webhooks/:id/dead', asks('read'), listDeadLetters);
app.post('/webhooks/:id/dead/replay', asks('admin'), replayAll);
app.post('/webhooks/:id/dead/:message/replay', asks('admin'), replayOne);

app.get('/models', asks('read'), listModels);
app.post('/models/rollback', asks('train'), rollback);
app.post('/train', asks('train'), train);

app.get('/tokens/revoked', asks('admin'), listRevoked);
app.post('/tokens/revoke', asks('admin'), revokeToken);

app.notFound((c) => problemResponse(notFoundOrWrongMethod(c.req.method, c.req.path)));
app.onError((error) => problemResponse(explained(error)));

function asks(scope: Scope): MiddlewareHandler<AppEnvironment> {
  return async (c, next) => {
    c.set('access', await admit(c, scope));
    await next();
  };
}

function notFoundOrWrongMethod(method: string, path: string): HttpProblem {
  const allowed = new Set(
    app.routes.filter((route) => route.method !== 'ALL' && matches(route.path, path)).map((route) => route.method),
  );
  if (allowed.size === 0) return new HttpProblem(404, 'There is no such route.');
  const list = [...allowed].join(', ');
  return new HttpProblem(405, `${method} is not allowed here; this route takes ${list}.`, { headers: { allow: list } });
}

function matches(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replace(/:\w+/g, '[^/]+')}$`).test(path);
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
  return error;
}

export default {
  fetch: app.fetch,
  scheduled: (_controller, env) => trainEveryGroup(bindingsOf(env)),
  queue: (batch, env) => trainQueued(bindingsOf(env), batch),
} satisfies ExportedHandler<UncheckedBindings, TrainingMessage>;
