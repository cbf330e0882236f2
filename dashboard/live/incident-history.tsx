/** Incidents by the hour that they began in, over the last day. */
import { useMemo } from 'preact/hooks';
import type { Incident } from '../../contract/incident.ts';
import { Chart } from '../parts/chart.tsx';
import type { Line } from '../parts/chart-options.ts';
import { Failure } from '../parts/notice.tsx';
import { ALERT_LEVELS } from '../parts/wording.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';

const HOUR_MS = 3_600_000;
const HOURS = 24;
/** The most that one page of the list holds. */
const MOST_COUNTED = 500;
const EVERY_MS = 60_000;

export function IncidentHistory() {
  const { group } = useSession();
  const now = Date.now();
  const hour = now - (now % HOUR_MS);
  const since = new Date(hour - (HOURS - 1) * HOUR_MS).toISOString();
  const { answer, error } = useAnswer(
    'GET /incidents',
    { query: { group, since, limit: MOST_COUNTED } },
    { every_ms: EVERY_MS },
  );
  const { times, lines, counted } = useMemo(() => byHour(answer?.incidents ?? [], hour), [answer, hour]);
  return (
    <section>
      <h2>
        Incidents by hour: {counted}
        {answer?.next ? ', the newest of more' : ''} in {HOURS} h
      </h2>
      {error && <Failure error={error} />}
      <Chart title={`${counted} incidents began in the last ${HOURS} hours`} times={times} lines={lines} look="bars" />
    </section>
  );
}

/** Each level stands on the ones below it: the highest bar counts all. */
function byHour(incidents: readonly Incident[], hour: number): { times: number[]; lines: Line[]; counted: number } {
  const times = Array.from({ length: HOURS }, (_, i) => (hour - (HOURS - 1 - i) * HOUR_MS) / 1000);
  const first_ms = (times[0] ?? 0) * 1000;
  const inTime = incidents.filter(({ first_seen }) => Date.parse(first_seen) >= first_ms);
  const total = new Array<number>(HOURS).fill(0);
  const lines = ALERT_LEVELS.map((level) => {
    for (const incident of inTime) {
      const at = Math.floor((Date.parse(incident.first_seen) - first_ms) / HOUR_MS);
      if (incident.level === level && at < HOURS) total[at] = (total[at] ?? 0) + 1;
    }
    return { label: level, colour: `--${level}`, values: total.map((count) => count || null) };
  });
  return { times, lines: lines.reverse(), counted: inTime.length };
}
