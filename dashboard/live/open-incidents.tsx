/** What is open: how many incidents of each level, campaigns in place of their incidents, and the worst of the others. */
import { useEffect } from 'preact/hooks';
import { CampaignTable } from '../incidents/campaign-table.tsx';
import { IncidentTable } from '../incidents/incident-table.tsx';
import { LevelBadge } from '../parts/badge.tsx';
import { Failure, Note } from '../parts/notice.tsx';
import { ALERT_LEVELS, numeral } from '../parts/wording.ts';
import { hashOf } from '../route.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';

/** Read again as they change: more would cost the edge and the reader too much in a storm of them. */
const MOST_COUNTED = 200;
const SHOWN = 10;
const CAMPAIGNS_ASKED = 20;

export function OpenIncidents() {
  const { group } = useSession();
  const { answer, error } = useAnswer(
    'GET /incidents',
    { query: { group, state: 'open', limit: MOST_COUNTED } },
    { followed: true },
  );
  const campaigns = useAnswer('GET /campaigns', { query: { group, limit: CAMPAIGNS_ASKED } }, { followed: true });
  const running = campaigns.answer?.campaigns.filter(({ state }) => state === 'open') ?? [];
  const open = answer?.incidents ?? [];
  const told = new Set(running.map(({ id }) => id));
  const alone = open.filter(({ campaign_id }) => campaign_id === null || !told.has(campaign_id));
  // Before the campaigns are known their incidents would look like so many attacks.
  const isKnown = campaigns.answer !== null || campaigns.error !== null;
  const worst = ALERT_LEVELS.flatMap((level) => alone.filter((incident) => incident.level === level)).slice(0, SHOWN);
  useEffect(() => {
    document.title = `${open.length > 0 ? `(${open.length}) ` : ''}Live · Vigía`;
  }, [open.length]);
  return (
    <section>
      <h2>Open</h2>
      {error && <Failure error={error} />}
      {campaigns.error && <Failure error={campaigns.error} />}
      {answer && (
        <p class="levels">
          {ALERT_LEVELS.map((level) => (
            <a key={level} href={hashOf('incidents', null, { state: 'open', level })}>
              <strong>{numeral(open.filter((incident) => incident.level === level).length)}</strong>{' '}
              <LevelBadge level={level} />
            </a>
          ))}
          {answer.next !== null && <span>of the newest {MOST_COUNTED}</span>}
        </p>
      )}
      {answer && open.length === 0 && <Note tone="good">No incident is open.</Note>}
      {running.length > 0 && <CampaignTable campaigns={running} />}
      {isKnown && worst.length > 0 && <IncidentTable incidents={worst} />}
      {open.length > worst.length && (
        <p class="pages">
          <a href={hashOf('incidents', null, { state: 'open' })}>all that are open</a>
        </p>
      )}
    </section>
  );
}
