/** An endpoint as it is shown: nothing in it lets anybody write in its name. */
import type { EndpointView } from '../../../contract/webhook-endpoint.ts';
import type { Endpoint } from './endpoint-store.ts';
import type { Queued } from './figures.ts';
import { inForce } from './secrets.ts';
import { secretsOf } from './target.ts';

export function viewOf(endpoint: Endpoint, queued: readonly Queued[], now: number): EndpointView {
  const { id, target, filter, enabled, disabledReason, failing, lastDeliveredAt, lastError } = endpoint;
  const own = queued.filter((count) => count.endpoint === id);
  return {
    id,
    target: URL.parse(target.url)?.origin ?? '',
    format: target.format,
    filter,
    enabled,
    disabled_reason: disabledReason,
    failing_since: timeOf(failing.since),
    last_delivered_at: timeOf(lastDeliveredAt),
    last_error: lastError,
    secrets: inForce(secretsOf(target), now).length,
    waiting: own.reduce((sum, { waiting }) => sum + waiting, 0),
    dead: own.reduce((sum, { dead }) => sum + dead, 0),
  };
}

function timeOf(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
