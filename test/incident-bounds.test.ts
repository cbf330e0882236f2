/** Incidents are bounded in every direction, and what a bound costs is counted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert } from '../functions/detect/incidents/alert.ts';
import { type BookInWorkerd, bookInWorkerd } from './incident-book-in-workerd.ts';
import { alert } from './made-alerts.ts';

const addresses = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `198.51.100.${from + i}`);
const alerts = (count: number, from = 0): Alert[] =>
  Array.from({ length: count }, (_, i) => alert({ windowKey: `w-${from + i}` }));
const HOUR_S = 3600;

/** A book that has taken so many alerts more, as its tables tell. */
const TAKEN = (count: number): string => `
  WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${count})
  INSERT INTO seen SELECT 'old/' || i, 'an incident', i FROM n;`;

describe('by a clock that is turned', () => {
  let book: BookInWorkerd;
  beforeAll(async () => {
    book = await bookInWorkerd();
  });
  afterAll(() => book.stop());

  it('past 50,000 windows with an alert the oldest are forgotten and counted; the count of a day goes on', async () => {
    await book.run('seen', [{ at_s: 0, alerts: [] }]);
    const state = await book.run('seen', [{ at_s: 60, alerts: alerts(512) }], undefined, TAKEN(49_900));
    expect(state.counters).toMatchObject({ alerts: 512, alert_windows_forgotten: 49_900 + 512 - 50_000 });
    expect(state.lastDay).toEqual({ alerts: 512, incidents: 1 });
    // Those that are remembered are known again, the forgotten are not.
    const again = await book.run('seen', [{ at_s: 61, alerts: [...alerts(10), alert({ windowKey: 'old/0' })] }]);
    expect(again.counters.alerts).toBe(513);
  });

  it('the count of a day takes all alerts of it and no others, and what an earlier build knew', async () => {
    const steps = [0, 10, 23, 30, 48].map((hour, i) => ({ at_s: hour * HOUR_S, alerts: alerts(2 + i, 10 * i) }));
    expect((await book.run('day', steps.slice(0, 3))).lastDay).toEqual({ alerts: 2 + 3 + 4, incidents: 3 });
    expect((await book.run('day', steps.slice(3, 4))).lastDay).toEqual({ alerts: 3 + 4 + 5, incidents: 3 });
    expect((await book.run('day', steps.slice(4))).lastDay).toEqual({ alerts: 5 + 6, incidents: 2 });
    const updated = await book.run('day', [{ at_s: 48 * HOUR_S }], undefined, 'DROP TABLE slots');
    expect(updated.lastDay).toEqual({ alerts: 5 + 6, incidents: 2 });
    expect((await book.run('day', [{ at_s: 99 * HOUR_S, alerts: alerts(300, 100) }])).lastDay).toEqual({
      alerts: 300,
      incidents: 1,
    });
  });

  it('an alert beyond the 32 open incidents of its host joins the newest, and is counted', async () => {
    const many = addresses(40).map((ip) => alert({ windowKey: ip, attackingIps: [ip] }));
    const { incidents, counters } = await book.run('crowd', [{ at_s: 0, alerts: many }]);
    expect(incidents).toHaveLength(32);
    expect(counters).toMatchObject({ alerts: 40, incidents: 32, alerts_crowded: 8 });
    expect(counters.attackers_unnamed).toBeUndefined();
  });

  it('attackers beyond the 32 that an incident or a campaign names are counted', async () => {
    const first = alert({ windowKey: 'a', attackingIps: addresses(30) });
    const more = alert({ windowKey: 'b', attackingIps: addresses(10, 25) });
    const one = await book.run('names', [{ at_s: 0, alerts: [first, more] }]);
    expect(one.counters).toMatchObject({ incidents: 1, attackers_unnamed: 1 });
    const elsewhere = alert({ windowKey: 'c', host: 'web-2', attackingIps: [...addresses(1), ...addresses(9, 50)] });
    const { counters, campaigns } = await book.run('names', [{ at_s: 1, alerts: [elsewhere] }]);
    expect(campaigns).toHaveLength(1);
    expect(counters).toMatchObject({ campaigns: 1, attackers_unnamed: 2 });
  });
});
