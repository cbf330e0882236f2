/** `GET /`: where to go from here. */
import type { AppContext } from './services.ts';
import { VERSION } from './version.ts';

const ROUTES = [
  'POST /detect',
  'GET, POST /detect/prom',
  'POST /classify_username',
  'GET /health',
  'GET /stats',
  'GET /metrics',
  'GET /incidents',
  'GET /incidents/stream',
  'GET, PATCH /incidents/:id',
  'GET, POST /incidents/:id/comments',
  'GET /campaigns',
  'GET, PATCH /campaigns/:id',
  'GET, POST /maintenance',
  'DELETE /maintenance/:id',
  'GET, POST, DELETE /allowed_sources',
  'GET, POST /webhooks',
  'POST /webhooks/replay',
  'GET, PATCH, DELETE /webhooks/:id',
  'POST /webhooks/:id/test',
  'POST /webhooks/:id/rotate',
  'GET /webhooks/:id/dead',
  'POST /webhooks/:id/dead/replay',
  'POST /webhooks/:id/dead/:message/replay',
  'GET /models',
  'POST /models/rollback',
  'POST /train',
  'GET /tokens/revoked',
  'POST /tokens/revoke',
];

export function welcome(c: AppContext): Response {
  return c.json({ service: 'vigia', version: VERSION, routes: ROUTES });
}
