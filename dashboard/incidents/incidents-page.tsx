/** The list of incidents with its filter, which stands in the address: a list can be linked to. */
import { INCIDENT_STATES } from '../../contract/incident-state.ts';
import { LEVELS, THREAT_TYPES } from '../../contract/threats.ts';
import { Failure, Note } from '../parts/notice.tsx';
import { STATE_NAMES, THREAT_NAMES } from '../parts/wording.ts';
import { hashOf, type Route } from '../route.ts';
import { useSession } from '../session/session.ts';
import { useAnswer } from '../session/use-answer.ts';
import { IncidentTable } from './incident-table.tsx';

const ON_A_PAGE = 50;

export function IncidentsPage({ query }: Pick<Route, 'query'>) {
  const { group } = useSession();
  const { cursor } = query;
  const asked = {
    group,
    state: oneOf(INCIDENT_STATES, query.state),
    level: oneOf(LEVELS, query.level),
    type: oneOf(THREAT_TYPES, query.type),
    host: query.host || undefined,
    cursor,
    limit: ON_A_PAGE,
  };
  // Pages behind the first do not follow: what is read should not move away.
  const { answer, error } = useAnswer('GET /incidents', { query: asked }, { followed: cursor === undefined });
  return (
    <>
      <h1>Incidents</h1>
      <Filter query={query} />
      {error && <Failure error={error} />}
      {answer && answer.incidents.length === 0 && <Note>No incident is like this.</Note>}
      {answer && answer.incidents.length > 0 && <IncidentTable incidents={answer.incidents} />}
      <p class="pages">
        {cursor !== undefined && <a href={hashOf('incidents', null, { ...query, cursor: '' })}>newest</a>}{' '}
        {answer?.next && <a href={hashOf('incidents', null, { ...query, cursor: answer.next })}>older</a>}
      </p>
    </>
  );
}

function Filter({ query }: Pick<Route, 'query'>) {
  const choose = (name: string, value: string): void => {
    location.hash = hashOf('incidents', null, { ...query, cursor: '', [name]: value });
  };
  const choice = (name: string, label: string, values: readonly string[], names: Record<string, string> = {}) => (
    <label>
      {label}
      <select value={query[name] ?? ''} onChange={({ currentTarget }) => choose(name, currentTarget.value)}>
        <option value="">any</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {names[value] ?? value}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form class="row" onSubmit={(event) => event.preventDefault()}>
      {choice('state', 'state', INCIDENT_STATES, STATE_NAMES)}
      {choice('level', 'level, or higher', LEVELS.slice(1))}
      {choice('type', 'type', THREAT_TYPES, THREAT_NAMES)}
      <label>
        host
        <input
          value={query.host ?? ''}
          maxLength={128}
          spellcheck={false}
          onChange={({ currentTarget }) => choose('host', currentTarget.value.trim())}
        />
      </label>
    </form>
  );
}

/** A link may hold anything. */
function oneOf<T extends string>(values: readonly T[], text: string | undefined): T | undefined {
  return values.find((value) => value === text);
}
