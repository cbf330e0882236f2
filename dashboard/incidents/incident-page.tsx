/** One incident: what happened, why it was told, what people said of it, and their answer. */
import { LevelBadge, StateBadge } from '../parts/badge.tsx';
import { Failure, Note } from '../parts/notice.tsx';
import { THREAT_NAMES } from '../parts/wording.ts';
import { hashOf } from '../route.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';
import { AnswerForm } from './answer-form.tsx';
import { Comments } from './comments.tsx';
import { Evidence } from './evidence.tsx';
import { Fact, Facts } from './facts.tsx';

export function IncidentPage({ id }: { id: string }) {
  const { call } = useSession();
  const { answer: incident, error, reload } = useAnswer('GET /incidents/{id}', { path: { id } }, { followed: true });
  if (incident === null) return error ? <Failure error={error} /> : <Note>Reading the incident…</Note>;
  const { host, muted, campaign_id, model_version } = incident;
  return (
    <>
      <h1>
        {THREAT_NAMES[incident.primary_type]} on {host} <LevelBadge level={incident.level} />{' '}
        <StateBadge state={incident.state} />
      </h1>
      {error && <Failure error={error} />}
      {muted !== null && (
        <Note>
          {muted.alerts} of its alerts were recorded and not told: {muted.because}
        </Note>
      )}
      <AnswerForm
        state={incident.state}
        onAnswer={async (body) => {
          await call('PATCH /incidents/{id}', { path: { id }, body });
          reload();
        }}
      />
      <Facts of={incident}>
        <Fact name="Host">
          <a href={hashOf('incidents', null, { host })}>{host}</a> in group {incident.group}
        </Fact>
        {campaign_id !== null && (
          <Fact name="Part of">
            <a href={hashOf('campaigns', campaign_id)}>a campaign</a>
          </Fact>
        )}
        <Fact name="Judged by">{model_version === null ? 'rules alone' : `rules and models ${model_version}`}</Fact>
        <Fact name="Id">
          <code>{id}</code>
        </Fact>
      </Facts>
      <h2>Why, in its worst window</h2>
      <Evidence explanation={incident.explanation} />
      <Comments id={id} />
    </>
  );
}
