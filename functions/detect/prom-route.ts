/** `GET` and `POST /detect/prom`: judges a host by what a Prometheus server knows of it. */
import type { PromAnswer } from '../../contract/prom-answer.ts';
import { judgeFlat } from '../../models/judge.ts';
import { HttpProblem } from '../http/problem.ts';
import { countResults, countUnknownFields } from './metrics/count-results.ts';
import { featuresOf } from './prom/features-of.ts';
import { presetMetrics } from './prom/presets.ts';
import { instantQuery } from './prom/prometheus.ts';
import { promQl } from './prom/promql.ts';
import { readPromRequest } from './prom/read-prom-request.ts';
import { type AppContext, bindingsOf, groupOf, isolate, modelContext } from './services.ts';

/** As a flat object of `/detect`: judged, not stored, and no incident opens. */
export async function detectProm(c: AppContext): Promise<Response> {
  const { prometheus, promMetrics, thresholds, alertBudget } = bindingsOf(c.env);
  const { host, group: ownGroup } = c.get('access');
  if (host !== null || ownGroup !== null)
    throw new HttpProblem(403, 'Prometheus knows nothing of hosts and groups: take a token without either.');
  if (prometheus === null)
    throw new HttpProblem(503, 'No Prometheus server is set: set PROMETHEUS_URL, such as http://127.0.0.1:9090.');
  const group = groupOf(c);
  const { asked, unknownFields } = await readPromRequest(c.req.raw);
  const metrics = { ...presetMetrics(asked.preset), ...promMetrics, ...asked.metrics };
  const samples = await instantQuery(prometheus, promQl(metrics, asked));
  const { instance, features, absent } = featuresOf(samples, metrics, asked.window);
  const result = await isolate.models.withFleet(group, modelContext(c), (fleet) =>
    judgeFlat(features, { fleet, thresholds, alertBudget }),
  );
  countResults(isolate.metrics.tally, group, [features], [result], isolate.models.lacks(group));
  countUnknownFields(isolate.metrics.tally, group, unknownFields);
  return c.json({ group, instance, window_s: asked.window, features, absent, result } satisfies PromAnswer);
}
