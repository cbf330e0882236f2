/** The middleware that counts every request, whatever becomes of it. */
import type { MiddlewareHandler } from 'hono';
import { HttpProblem } from '../../http/problem.ts';
import { matchedRoute } from '../matched-route.ts';
import { type AppEnvironment, isolate, metricsOf } from '../services.ts';
import { DEPLOYMENT } from './tally.ts';

/** Paths that lead nowhere are one label. */
const NO_ROUTE = 'other';

export const countRequest: MiddlewareHandler<AppEnvironment> = async (c, next) => {
  const arrivedAt = performance.now();
  await next();
  const { tally } = isolate.metrics;
  const route = matchedRoute(c) ?? NO_ROUTE;
  tally.add(DEPLOYMENT, 'ml_detector_requests_total', { route, status: `${Math.floor(c.res.status / 100)}xx` });
  if (route === '/detect') tally.observe('ml_detector_processing_seconds', (performance.now() - arrivedAt) / 1000);
  const rejected = c.error instanceof HttpProblem ? (c.error.errors?.length ?? 0) : 0;
  if (rejected > 0) tally.add(DEPLOYMENT, 'ml_detector_rejected_fields_total', {}, rejected);
  const { METRICS } = c.env;
  if (METRICS !== undefined)
    isolate.metrics.schedule(
      () => metricsOf(METRICS),
      Date.now(),
      (work) => c.executionCtx.waitUntil(work),
    );
};
