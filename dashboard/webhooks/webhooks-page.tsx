/** Where incidents are told, and whether they arrive: test, enable again, replay what was given up. */
import type { EndpointView } from '../../contract/webhook-endpoint.ts';
import { ConfirmedButton } from '../parts/confirmed.tsx';
import { Failure, Note } from '../parts/notice.tsx';
import { Outcome } from '../parts/outcome.tsx';
import { Ago } from '../parts/time.tsx';
import { useAction } from '../parts/use-action.ts';
import { numeral } from '../parts/wording.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';

const EVERY_MS = 10_000;

export function WebhooksPage() {
  const { answer, error, reload } = useAnswer('GET /webhooks', {}, { every_ms: EVERY_MS });
  return (
    <>
      <h1>Webhooks</h1>
      {error && <Failure error={error} />}
      {answer?.endpoints.length === 0 && (
        <Note>
          Nobody is told of incidents: <code>vigia webhooks add</code>, or WEBHOOK_URL.
        </Note>
      )}
      {answer?.endpoints.map((endpoint) => (
        <Endpoint key={endpoint.id} endpoint={endpoint} onChange={reload} />
      ))}
    </>
  );
}

function Endpoint({ endpoint, onChange }: { endpoint: EndpointView; onChange: () => void }) {
  const { call } = useSession();
  const action = useAction();
  const { id, target, format, enabled, disabled_reason, failing_since, last_delivered_at, last_error, waiting, dead } =
    endpoint;
  const path = { id };
  const test = (): void =>
    action.run(async () => {
      const { delivered, error } = await call('POST /webhooks/{id}/test', { path });
      if (!delivered) throw new Error(`The test did not arrive: ${error ?? 'no reason was given'}`);
      return 'The test arrived.';
    });
  const replay = (): void =>
    action.run(async () => {
      const { replayed } = await call('POST /webhooks/{id}/dead/replay', { path });
      onChange();
      return `${replayed} messages are sent again.`;
    });
  const enable = (): void =>
    action.run(async () => {
      await call('PATCH /webhooks/{id}', { path, body: { enabled: true } });
      onChange();
      return 'It is enabled.';
    });
  return (
    <section class="endpoint">
      <h2>
        {id} <span class="badge">{format}</span> {!enabled && <span class="badge level-critical">disabled</span>}
      </h2>
      <p>
        {target}; {filterText(endpoint)}
      </p>
      <p>
        {numeral(waiting)} waiting, {numeral(dead)} given up;{' '}
        {last_delivered_at === null ? (
          'nothing was delivered yet'
        ) : (
          <>
            the last was delivered <Ago at={last_delivered_at} />
          </>
        )}
        {failing_since !== null && (
          <>
            ; failing since <Ago at={failing_since} />: {last_error}
          </>
        )}
        {disabled_reason !== null && `; disabled: ${disabled_reason}`}
      </p>
      <p class="row">
        <button type="button" disabled={action.running} onClick={test}>
          Send a test
        </button>
        {!enabled && (
          <button type="button" disabled={action.running} onClick={enable}>
            Enable
          </button>
        )}
        {dead > 0 && (
          <ConfirmedButton
            label="Replay what was given up"
            question={`Send ${numeral(dead)} messages?`}
            disabled={action.running}
            onConfirm={replay}
          />
        )}
      </p>
      <Outcome action={action} />
    </section>
  );
}

/** Empty lists are no restriction. */
function filterText({ filter: { min_level, events, threat_types, groups } }: EndpointView): string {
  const parts = [
    min_level === 'none' ? '' : `level ${min_level} or higher`,
    events.join(', '),
    threat_types.join(', '),
    groups.length === 0 ? '' : `groups ${groups.join(', ')}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'told of everything' : `told of ${parts.join('; ')}`;
}
