/** Verdicts for people: one line per window that raised or noted something, and a closing line. */
import type { Result } from '../contract/result.ts';

const HEADINGS = ['time (UTC)', 'host', 'level', 'threats', 'attackers', 'why'] as const;
const WIDTHS = [23, 16, 8, 28, 24, 0] as const;
/** Attackers named on a line; the rest is counted. */
const MOST_ATTACKERS = 2;

const line = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0))
    .join('  ')
    .trimEnd();

export function heading(): string {
  return line(HEADINGS);
}

/** The line of one verdict, or null where there is nothing to tell. */
export function verdictLine(result: Result): string | null {
  const [note] = result.explanation.notes;
  if (!result.threat_detected && !note) return null;
  const time = result.window ? new Date(result.window.start).toISOString().slice(0, 23).replace('T', ' ') : '';
  const attackers = result.attacking_ips.slice(0, MOST_ATTACKERS).join(' ');
  const votes = result.explanation.notes.find(({ kind }) => kind === 'reference_votes');
  const why = result.explanation.summary[0] ?? note?.text ?? '';
  const more = result.attacking_ips.length - MOST_ATTACKERS;
  return line([
    time,
    result.window?.host ?? '',
    result.threat_detected ? result.level : 'note',
    result.threat_detected ? result.threat_types.join(' ') : (note?.kind ?? ''),
    more > 0 ? `${attackers} +${more}` : attackers,
    votes ? `${why} (${votes.text})` : why,
  ]);
}

export interface Tally {
  windows: number;
  threats: number;
  notes: number;
  byType: Map<string, number>;
}

export function emptyTally(): Tally {
  return { windows: 0, threats: 0, notes: 0, byType: new Map() };
}

export function count(tally: Tally, result: Result): void {
  tally.windows++;
  if (result.threat_detected) tally.threats++;
  else if (result.explanation.notes.length > 0) tally.notes++;
  for (const type of result.threat_types) tally.byType.set(type, (tally.byType.get(type) ?? 0) + 1);
}

export function closingLine({ windows, threats, notes, byType }: Tally, models: string | null): string {
  const types = [...byType].map(([type, times]) => `${type} ${times}`).join(', ');
  const judged = models === null ? 'rules alone (no --models)' : `rules and models ${models}`;
  return `${windows} windows, ${threats} with threats${types ? ` (${types})` : ''}, ${notes} with notes only; judged by ${judged}`;
}
