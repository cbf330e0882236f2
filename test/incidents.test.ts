/** Runs of alerts become incidents: one attack, one incident, told once, and over when it is quiet. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Incident, incident as incidentSchema } from '../contract/incident.ts';
import type { Alert } from '../functions/detect/incidents/alert.ts';
import { extend, joins, open } from '../functions/detect/incidents/joining.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { alert } from './made-alerts.ts';

describe('an alert joins an incident', () => {
  const openedAt = 1_000_000;
  const late = openedAt + 60_000;
  const scan = { incident: open(alert(), 'a.default', 'default'), openedAt };

  it.each<[string, boolean, Partial<Alert>, number]>([
    ['of the same attacker and type', true, {}, late],
    ['whose attackers it cannot name', true, { attackingIps: [] }, late],
    ['where only models raised it', true, { threatTypes: ['ml_high_risk'], attackingIps: [] }, late],
    ['that opened seconds ago, whatever it is called', true, { threatTypes: ['syn_flood'] }, openedAt + 5_000],
    ['not with another type later on', false, { threatTypes: ['data_exfiltration'] }, late],
    ['not of another attacker', false, { attackingIps: ['198.51.100.9'] }, late],
    ['not of another host', false, { host: 'db-1' }, openedAt],
    ['not of another kind of detection', false, { detectionType: 'authentication' }, openedAt],
  ])('%s (%s)', (_, expected, fields, now) => {
    expect(joins(alert(fields), scan, now)).toBe(expected);
  });

  it('that only models knew, and gives it its name', () => {
    const ml = open(alert({ threatTypes: ['ml_high_risk'], attackingIps: [] }), 'b.default', 'default');
    expect(joins(alert(), { incident: ml, openedAt }, late)).toBe(true);
    const { incident, escalated } = extend(ml, alert());
    expect(incident.primary_type).toBe('port_scan');
    expect(escalated).toBe(true);
  });

  it('without escalation where nothing changed but the count', () => {
    const { incident, escalated } = extend(
      scan.incident,
      alert({ start: '2026-11-20T10:00:05Z', end: '2026-11-20T10:00:06Z' }),
    );
    expect(escalated).toBe(false);
    expect(incident).toMatchObject({
      alerts: 2,
      last_seen: '2026-11-20T10:00:06Z',
      first_seen: '2026-11-20T10:00:00.000Z',
    });
  });

  it('and the list of attackers stays bounded', () => {
    const many = Array.from({ length: 100 }, (_, index) => `192.0.2.${index}`);
    expect(extend(scan.incident, alert({ attackingIps: many })).incident.attacking_ips).toHaveLength(32);
  });
});

describe('on the edge', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge({ INCIDENT_QUIET_S: '2' });
  });
  afterAll(() => edge.remove());
  const list = async (query = ''): Promise<Incident[]> => {
    const answer = await fetch(`${edge.url}/incidents${query}`);
    return ((await answer.json()) as { incidents: unknown[] }).incidents.map((item) => incidentSchema.parse(item));
  };

  it('twenty windows of one scan are one incident with the attacker and the evidence', async () => {
    const group = 'scan';
    const windows = Array.from({ length: 20 }, () => scanWindow('192.0.2.66', { group }));
    for (const window of windows) await edge.detect([window]);
    const incidents = await list(`?group=${group}`);
    expect(incidents).toHaveLength(1);
    expect(incidents[0]).toMatchObject({ alerts: 20, state: 'open', host: 'web-1', attacking_ips: ['192.0.2.66'] });
    expect(incidents[0]?.explanation.rules.length).toBeGreaterThan(0);
  });

  it('a repeated post adds no alert', async () => {
    const window = scanWindow('192.0.2.66', { group: 'repeat' });
    await edge.detect([window]);
    await edge.detect([window, scanWindow('192.0.2.66', { group: 'repeat' })]);
    expect((await list('?group=repeat'))[0]?.alerts).toBe(2);
  });

  it('two attackers are two incidents, two hosts as well', async () => {
    const group = 'two';
    await edge.detect([scanWindow('192.0.2.1', { group }), scanWindow('192.0.2.2', { group })]);
    await edge.detect([scanWindow('192.0.2.1', { group, host: 'web-2' })]);
    expect(await list(`?group=${group}`)).toHaveLength(3);
    expect(await list(`?group=${group}&host=web-2`)).toHaveLength(1);
  });

  it('pages lead through all, newest first', async () => {
    const [first] = await list('?group=two&limit=1');
    const rest = await list(`?group=two&cursor=${first?.id}`);
    expect(rest).toHaveLength(2);
    expect(rest.map(({ id }) => id)).not.toContain(first?.id);
  });

  it('a quiet window opens none', async () => {
    await edge.detect([quietWindow({ group: 'calm' })]);
    expect(await list('?group=calm')).toEqual([]);
  });

  it('quiet for INCIDENT_QUIET_S, it is resolved', async () => {
    await edge.detect([scanWindow('192.0.2.5', { group: 'over' })]);
    expect((await list('?group=over'))[0]?.state).toBe('open');
    await expect.poll(async () => (await list('?group=over'))[0]?.state, { timeout: 8000 }).toBe('resolved');
  });

  it('one is acknowledged or called a false alarm, and found again by that', async () => {
    const group = 'patch';
    await edge.detect([scanWindow('192.0.2.5', { group })]);
    const [one] = await list(`?group=${group}`);
    const answer = await fetch(`${edge.url}/incidents/${one?.id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ state: 'false_alarm', note: 'our own scanner' }),
    });
    expect(await answer.json()).toMatchObject({ state: 'false_alarm', note: 'our own scanner' });
    expect(await list(`?group=${group}&state=false_alarm`)).toHaveLength(1);
    expect((await fetch(`${edge.url}/incidents/${one?.id}`)).status).toBe(200);
  });

  it('incidents outlive the edge', async () => {
    const before = await list('?group=two');
    await edge.stop();
    const again = await testEdge({ INCIDENT_QUIET_S: '2' }, edge.stateDir);
    edge = again;
    expect((await list('?group=two')).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });
});
