/** What stands around every page: where else to go, the group, and whether what is shown is up to date. */
import { useEffect } from 'preact/hooks';
import { CampaignPage } from './incidents/campaign-page.tsx';
import { CampaignsPage } from './incidents/campaigns-page.tsx';
import { IncidentPage } from './incidents/incident-page.tsx';
import { IncidentsPage } from './incidents/incidents-page.tsx';
import { LivePage } from './live/live-page.tsx';
import { ModelsPage } from './models/models-page.tsx';
import { QuietPage } from './quiet/quiet-page.tsx';
import { hashOf, PAGES, type Page, type Route } from './route.ts';
import { useSession } from './session/session.ts';
import { useAnswer } from './session/use-answer.ts';
import { FeedProvider, useFollowedFeed } from './session/use-feed.ts';
import { WebhooksPage } from './webhooks/webhooks-page.tsx';

const TITLES: Record<Page, string> = {
  live: 'Live',
  incidents: 'Incidents',
  campaigns: 'Campaigns',
  models: 'Models',
  quiet: 'Quiet',
  webhooks: 'Webhooks',
};
const FEED_WORDS = { live: 'live', connecting: 'connecting…', lost: 'connection lost, trying again' };

interface FrameProperties {
  readonly route: Route;
  readonly onGroup: (name: string) => void;
  /** Null where no token is used. */
  readonly onSignOut: (() => void) | null;
}

export function Frame({ route, onGroup, onSignOut }: FrameProperties) {
  const session = useSession();
  const feed = useFollowedFeed(session);
  useEffect(() => {
    document.title = `${TITLES[route.page]} · Vigía`;
  }, [route.page]);
  return (
    <FeedProvider value={feed}>
      <header>
        <a class="brand" href={hashOf('live')}>
          Vigía
        </a>
        <nav aria-label="Pages">
          {PAGES.map((page) => (
            <a key={page} href={hashOf(page)} aria-current={page === route.page ? 'page' : undefined}>
              {TITLES[page]}
            </a>
          ))}
        </nav>
        <GroupChoice group={session.group} onGroup={onGroup} />
        <span class={`feed ${feed.state}`} role="status">
          {FEED_WORDS[feed.state]}
        </span>
        {onSignOut !== null && (
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
        )}
      </header>
      <main>
        <Content {...route} />
      </main>
    </FeedProvider>
  );
}

/** Taken when the field is left, or Enter pressed: each letter would be a group of its own. Empty: the token's, else the default one. */
function GroupChoice({ group, onGroup }: { group: string | undefined; onGroup: (name: string) => void }) {
  const { answer } = useAnswer('GET /stats', { query: { group } });
  return (
    <label class="group">
      group
      <input
        value={group ?? ''}
        placeholder={answer?.group}
        pattern="[a-z0-9][a-z0-9._\-]*"
        maxLength={64}
        spellcheck={false}
        onChange={({ currentTarget }) => currentTarget.reportValidity() && onGroup(currentTarget.value)}
      />
    </label>
  );
}

function Content({ page, id, query }: Route) {
  switch (page) {
    case 'live':
      return <LivePage />;
    case 'incidents':
      return id === null ? <IncidentsPage query={query} /> : <IncidentPage key={id} id={id} />;
    case 'campaigns':
      return id === null ? <CampaignsPage query={query} /> : <CampaignPage key={id} id={id} />;
    case 'models':
      return <ModelsPage />;
    case 'quiet':
      return <QuietPage />;
    case 'webhooks':
      return <WebhooksPage />;
  }
}
