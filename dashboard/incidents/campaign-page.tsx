/** One campaign: the attack as a whole, and its incidents. */
import { LevelBadge, StateBadge } from '../parts/badge.tsx';
import { Failure, Note } from '../parts/notice.tsx';
import { numeral, THREAT_NAMES } from '../parts/wording.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';
import { AnswerForm } from './answer-form.tsx';
import { Fact, Facts } from './facts.tsx';
import { IncidentTable } from './incident-table.tsx';

const INCIDENTS_SHOWN = 100;

export function CampaignPage({ id }: { id: string }) {
  const { call } = useSession();
  const { answer: campaign, error, reload } = useAnswer('GET /campaigns/{id}', { path: { id } }, { followed: true });
  if (campaign === null) return error ? <Failure error={error} /> : <Note>Reading the campaign…</Note>;
  const { hosts, first_hosts, group } = campaign;
  const more = hosts - first_hosts.length;
  return (
    <>
      <h1>
        {THREAT_NAMES[campaign.primary_type]} on {numeral(hosts)} hosts <LevelBadge level={campaign.level} />{' '}
        <StateBadge state={campaign.state} />
      </h1>
      {error && <Failure error={error} />}
      <AnswerForm
        state={campaign.state}
        onAnswer={async (body) => {
          await call('PATCH /campaigns/{id}', { path: { id }, body });
          reload();
        }}
      />
      <Facts of={campaign}>
        <Fact name="Hosts">
          {first_hosts.join(', ')}
          {more > 0 && ` and ${numeral(more)} more`}
        </Fact>
        <Fact name="One attack, since">
          {campaign.joined_by === 'source'
            ? 'the hosts are attacked from the same address'
            : 'many hosts are attacked in the same way within minutes'}
        </Fact>
        <Fact name="Id">
          <code>{id}</code>
        </Fact>
      </Facts>
      <h2>Incidents</h2>
      <IncidentsOf campaign={id} group={group} />
    </>
  );
}

function IncidentsOf({ campaign, group }: { campaign: string; group: string }) {
  const query = { group, campaign, limit: INCIDENTS_SHOWN };
  const { answer, error } = useAnswer('GET /incidents', { query }, { followed: true });
  return (
    <>
      {error && <Failure error={error} />}
      {answer && <IncidentTable incidents={answer.incidents} within={campaign} />}
      {answer?.next && <Note>The newest {INCIDENTS_SHOWN} are shown.</Note>}
    </>
  );
}
