/** What keeps Vigía itself from doing its work, and what to do about it. */
import type { Stats } from '../../contract/status.ts';
import { hashOf } from '../route.ts';

export function Troubles({ stats }: { stats: Stats }) {
  const { windows_total, refused_model, webhook, training } = stats;
  return (
    <>
      {windows_total === 0 && (
        <p class="notice plain">
          No window has come in yet. On a host: <code>vigia collect --to {location.origin} --source ebpf:eth0</code>
        </p>
      )}
      {refused_model !== null && (
        <p class="notice bad" role="alert">
          The promoted models{refused_model.version === null ? '' : ` ${refused_model.version}`} are refused:{' '}
          {refused_model.reason}. The version before judges, or the rules alone. <a href={hashOf('models')}>Models</a>
        </p>
      )}
      {training.last?.result === 'failed' && (
        <p class="notice bad" role="alert">
          The last training failed: {training.last.reason}. <a href={hashOf('models')}>Models</a>
        </p>
      )}
      {webhook.refused !== null && (
        <p class="notice bad" role="alert">
          WEBHOOK_URL {webhook.refused}; nobody is told there. <a href={hashOf('webhooks')}>Webhooks</a>
        </p>
      )}
      {webhook.dead > 0 && (
        <p class="notice bad" role="alert">
          {webhook.dead} messages were given up. <a href={hashOf('webhooks')}>Replay them</a>
        </p>
      )}
    </>
  );
}
