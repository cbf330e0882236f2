/** What goes on now, what needs somebody first: troubles, what is open, then how much comes in and how well it is judged. */
import { Failure } from '../parts/notice.tsx';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';
import { Groups } from './groups.tsx';
import { IncidentHistory } from './incident-history.tsx';
import { OpenIncidents } from './open-incidents.tsx';
import { Tiles } from './tiles.tsx';
import { Traffic } from './traffic.tsx';
import { Troubles } from './troubles.tsx';

const STATS_EVERY_MS = 5_000;

export function LivePage() {
  const { group } = useSession();
  const { answer: stats, error } = useAnswer('GET /stats', { query: { group } }, { every_ms: STATS_EVERY_MS });
  return (
    <>
      <h1>Live</h1>
      {error && <Failure error={error} />}
      {stats && <Troubles stats={stats} />}
      <OpenIncidents />
      {stats && <Tiles stats={stats} />}
      <Groups />
      <div class="charts">
        {stats && <Traffic stats={stats} />}
        <IncidentHistory />
      </div>
    </>
  );
}
