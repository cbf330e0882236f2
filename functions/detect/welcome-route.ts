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
  'GET, PATCH /incidents/:id',
  'POST /webhooks/replay',
  'GET /models',
  'POST /models/rollback',
  'POST /train',
  'GET /tokens/revoked',
  'POST /tokens/revoke',
];

export function welcome(c: AppContext): Response {
  return c.json({ service: 'vigia', version: VERSION, routes: ROUTES });
}
