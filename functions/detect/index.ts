/** The public Worker: every route, and what it asks of the caller. */
import { Hono, type MiddlewareHandler } from 'hono';
import { etag } from 'hono/etag';
import { API_PREFIX } from '../../contract/client.ts';
import type { Scope } from '../../contract/token.ts';
import { BindingsError } from '../bindings-error.ts';
import { compress } from '../http/compress.ts';
import { HttpProblem, problemResponse } from '../http/problem.ts';
import { StorageError } from '../storage/storage-error.ts';
import { authenticate, requireScope } from './authenticate.ts';
import type { UncheckedBindings } from './bindings.ts';
import { classifyUsername } from './classify-route.ts';
import { detect } from './detect-route.ts';
import { docs, openApi } from './docs-routes.ts';
import { getIncident, listIncidents, patchIncident, replayWebhooks } from './incident-routes.ts';
import { countRequest } from './metrics/count-request.ts';
import { metrics } from './metrics-route.ts';
import { listModels, rollback, train } from './model-routes.ts';
import { detectProm } from './prom-route.ts';
import { type AppEnvironment, bindingsOf, isolate } from './services.ts';
import { health, stats } from './status-routes.ts';
import { listRevoked, revokeToken } from './token-routes.ts';
import { trainAllGroups } from './train-group.ts';
import { welcome } from './welcome-route.ts';

export { Incidents } from './incidents/incidents.ts';
export { Metrics } from './metrics/metrics.ts';
export { WindowBuffer } from './windows/window-buffer.ts';

const api = new Hono<AppEnvironment>();

api.get('/health', health);

api.post('/detect', asks('ingest'), detect);
api.on(['GET', 'POST'], '/detect/prom', asks('read'), detectProm);
api.post('/classify_username', asks('ingest'), classifyUsername);

api.get('/stats', asks('read'), stats);
api.get('/metrics', asks('read'), metrics);
api.get('/incidents', asks('read'), listIncidents);
api.get('/incidents/:id', asks('read'), getIncident);
api.patch('/incidents/:id', asks('admin'), patchIncident);
api.post('/webhooks/replay', asks('admin'), replayWebhooks);

api.get('/models', asks('read'), listModels);
api.post('/models/rollback', asks('train'), rollback);
api.post('/train', asks('train'), train);

api.get('/tokens/revoked', asks('admin'), listRevoked);
api.post('/tokens/revoke', asks('admin'), revokeToken);

const app = new Hono<AppEnvironment>();

app.use(compress, etag({ weak: true }), countRequest);

app.get('/', (c) => welcome(c, app.routes));
app.get('/openapi.json', openApi);
app.get('/docs', docs);
app.route(API_PREFIX, api);
app.route('/', api);

app.notFound((c) => problemResponse(notFoundOrWrongMethod(c.req.method, c.req.path)));
app.onError((error) => problemResponse(explained(error)));

function asks(scope: Scope): MiddlewareHandler<AppEnvironment> {
  return async (c, next) => {
    const { tokenKeys, store } = bindingsOf(c.env);
    const isRevoked = (id: string): Promise<boolean> => isolate.revocations.isRevoked(id, store, Date.now());
    const access = await authenticate(c.req.header('authorization'), tokenKeys, isRevoked);
    requireScope(access, scope);
    c.set('access', access);
    await next();
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
  return error;
}

export default {
  fetch: app.fetch,
  scheduled: (_controller, env, ctx) => ctx.waitUntil(trainAllGroups(bindingsOf(env))),
} satisfies ExportedHandler<UncheckedBindings>;
