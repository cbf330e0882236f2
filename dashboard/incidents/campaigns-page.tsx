/** The list of campaigns. */
import { Failure, Note } from '../parts/notice.tsx';
import { hashOf, type Route } from '../route.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';
import { CampaignTable } from './campaign-table.tsx';

export function CampaignsPage({ query: { cursor } }: Pick<Route, 'query'>) {
  const { group } = useSession();
  const { answer, error } = useAnswer(
    'GET /campaigns',
    { query: { group, cursor } },
    { followed: cursor === undefined },
  );
  return (
    <>
      <h1>Campaigns</h1>
      {error && <Failure error={error} />}
      {answer?.campaigns.length === 0 && (
        <Note>There is none: no attack was seen on several hosts from one address, or on many at once.</Note>
      )}
      {answer && answer.campaigns.length > 0 && <CampaignTable campaigns={answer.campaigns} />}
      <p class="pages">
        {cursor !== undefined && <a href={hashOf('campaigns')}>newest</a>}{' '}
        {answer?.next && <a href={hashOf('campaigns', null, { cursor: answer.next })}>older</a>}
      </p>
    </>
  );
}
