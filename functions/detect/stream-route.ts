/** `GET /incidents/stream`: changes of incidents and campaigns as server-sent events. */
import { HttpProblem } from '../http/problem.ts';
import { type AppContext, bindingsOf, groupOf, incidentsOf } from './services.ts';

export async function streamIncidents(c: AppContext): Promise<Response> {
  const stream = await incidentsOf(bindingsOf(c.env), groupOf(c)).listen(lastEventId(c.req.header('last-event-id')));
  if (stream === null)
    throw new HttpProblem(503, 'As many listen to this group as may at once. Try again later.', {
      headers: { 'retry-after': '60' },
    });
  // no-transform and X-Accel-Buffering: a proxy that compresses or collects would hold events back.
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    },
  });
}

/** @throws HttpProblem 400 */
function lastEventId(header: string | undefined): number | null {
  if (header === undefined || header === '') return null;
  if (!/^\d{1,15}$/.test(header))
    throw new HttpProblem(400, 'Last-Event-ID must be the id of an event of this stream.');
  return Number(header);
}
