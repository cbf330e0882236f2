/** What keeps an incident from being told, and what is told all the same: maintenance, allowed sources, comments, returns. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Incident, incident as incidentSchema } from '../contract/incident.ts';
import { allowedSource, maintenanceBody } from '../contract/muting.ts';
import { detectionFinding } from '../contract/webhook-event.ts';
import type { Alert } from '../functions/detect/incidents/alert.ts';
import { open } from '../functions/detect/incidents/joining.ts';
import { fits, type Mutes, mutedBecause } from '../functions/detect/incidents/muting.ts';
import { quietWindow, scanWindow, type TestEdge, testEdge } from './edge-fixture.ts';
import { type BookInWorkerd, type BookState, bookInWorkerd, type Step } from './incident-book-in-workerd.ts';
import { alert } from './made-alerts.ts';

describe('a pattern of hosts', () => {
  it.each([
    ['web-*', 'web-17', true],
    ['web-*', 'db-1', false],
    ['*', 'anything', true],
    ['web-1', 'web-1', true],
    ['web-1', 'web-10', false],
    ['*.example.com', 'a.example.com', true],
    ['a*b*c', 'axxbyyc', true],
    ['a*b*c', 'axxcyyb', false],
    ['ab*ba', 'aba', false],
  ])('%s, %s: %s', (pattern, host, expected) => {
    expect(fits(pattern, host)).toBe(expected);
  });

  it('takes no longer for many stars', () => {
    const began = performance.now();
    expect(fits(`${'*a'.repeat(60)}*b`, 'a'.repeat(128))).toBe(false);
    expect(performance.now() - began).toBeLessThan(50);
  });
});

describe('an alert is muted', () => {
  const maintenance = {
    id: 'm1',
    hosts: 'db-*',
    from: '2026-11-20T09:00:00Z',
    until: '2026-11-20T11:00:00Z',
    reason: 'disks',
  };
  const mutes = (fields: object = {}): Mutes => ({
    maintenance: [{ ...maintenance, ...fields }],
    allowed: [
      { source: '10.0.0.0/8', reason: 'our scanner' },
      { source: '2001:db8::/32', reason: 'the auditors' },
    ],
  });
  it.each<[string, Partial<Alert>, object, string | null]>([
    ['of a host under maintenance', { host: 'db-3' }, {}, 'maintenance m1: disks'],
    ['not of another host', { host: 'web-1' }, {}, null],
    ['not after it', { host: 'db-3', start: '2026-11-20T11:00:00Z' }, {}, null],
    ['not before it', { host: 'db-3', start: '2026-11-20T08:59:59Z' }, {}, null],
    ['not of another type', { host: 'db-3' }, { types: ['packet_loss'] }, null],
    [
      'of its type, which models notice too',
      { host: 'db-3', threatTypes: ['port_scan', 'ml_high_risk'] },
      { types: ['port_scan'] },
      'maintenance m1: disks',
    ],
    [
      'not where another rule fired too',
      { host: 'db-3', threatTypes: ['port_scan', 'syn_flood'] },
      { types: ['port_scan'] },
      null,
    ],
    ['of an allowed network', { attackingIps: ['10.1.2.3'] }, {}, 'allowed source 10.0.0.0/8: our scanner'],
    [
      'of an allowed network, IPv6',
      { attackingIps: ['2001:db8::7'] },
      {},
      'allowed source 2001:db8::/32: the auditors',
    ],
    [
      'of an allowed network, written as IPv6',
      { attackingIps: ['::ffff:10.1.2.3'] },
      {},
      'allowed source 10.0.0.0/8: our scanner',
    ],
    ['not where one source is not allowed', { attackingIps: ['10.1.2.3', '192.0.2.1'] }, {}, null],
    ['not where no source is known', { attackingIps: [] }, {}, null],
    ['not of a source that is a name', { attackingIps: ['printer'] }, {}, null],
  ])('%s', (_, fields, window, expected) => {
    expect(mutedBecause(alert(fields), mutes(window))).toBe(expected);
  });

  it.each([
    ['192.0.2.7', '192.0.2.7/32'],
    ['192.0.2.7/24', '192.0.2.0/24'],
    ['2001:DB8::1/32', '2001:db8::/32'],
  ])('the source %s is kept as %s', (source, kept) => {
    expect(allowedSource.parse({ source, reason: 'x' }).source).toBe(kept);
  });

  it.each([
    '0.0.0.0/0',
    '::/0',
    '::ffff:10.0.0.0/104',
    '192.0.2.0/33',
    'nonsense',
    '',
  ])('%s is no source to allow', (source) => {
    expect(allowedSource.safeParse({ source, reason: 'x' }).success).toBe(false);
  });

  it('maintenance that ends before it begins is refused', () => {
    const { id: _, ...body } = maintenance;
    expect(maintenanceBody.safeParse(body).success).toBe(true);
    expect(maintenanceBody.safeParse({ ...body, until: body.from }).error?.issues[0]?.path).toEqual(['until']);
  });
});

describe('by a clock that is turned', () => {
  let book: BookInWorkerd;
  beforeAll(async () => {
    book = await bookInWorkerd();
  });
  afterAll(() => book.stop());
  const story = (state: BookState): string[] =>
    state.told.map(({ type, at_s, data }) => `${at_s} ${type}: ${detectionFinding.parse(data).finding_info.title}`);
  const incidentsOf = (state: BookState): Incident[] => state.incidents.map((item) => incidentSchema.parse(item));
  const at = (at_s: number, fields: Partial<Alert> = {}): Step => ({
    at_s,
    alerts: [alert({ windowKey: `w${at_s}`, ...fields })],
  });
  const ours: Mutes = { maintenance: [], allowed: [{ source: '192.0.2.66/32', reason: 'our scanner' }] };

  it('an allowed source is recorded and counted, never told', async () => {
    const state = await book.run('allowed', [at(0), at(10), at(20), { at_s: 600 }], ours);
    expect(state.told).toEqual([]);
    expect(incidentsOf(state)).toMatchObject([
      { alerts: 3, state: 'resolved', muted: { alerts: 3, because: 'allowed source 192.0.2.66/32: our scanner' } },
    ]);
    expect(state.counters).toMatchObject({ alerts: 3, alerts_muted: 3 });
  });

  it('an attack that goes on after the maintenance is told then', async () => {
    const maintenance = [
      { id: 'm1', hosts: 'web-*', from: '2026-11-20T09:00:00Z', until: '2026-11-20T10:00:05Z', reason: 'reboot' },
    ];
    const late = { start: '2026-11-20T10:00:05Z', end: '2026-11-20T10:00:06Z' };
    const state = await book.run('maintained', [at(0), at(5, late), { at_s: 600 }], { maintenance, allowed: [] });
    expect(story(state)).toEqual([
      '5 threat.detected: port scan on web-1',
      '125 incident.resolved: port scan on web-1',
    ]);
    expect(incidentsOf(state)).toMatchObject([{ alerts: 2, muted: { alerts: 1 } }]);
  });

  it('a thousand hosts scanned by an allowed source are no campaign', async () => {
    const hosts = Array.from({ length: 1000 }, (_, index) => `web-${index}`);
    const state = await book.run('audit', [{ at_s: 0, hosts, alert: alert() }, { at_s: 3600 }], ours);
    expect([state.told, state.campaigns]).toEqual([[], []]);
    expect(state.counters.alerts_muted).toBe(1000);
  });

  it('one that comes back within ten minutes goes on as the same incident, later as another', async () => {
    const state = await book.run('back', [at(0), at(400), at(2000), { at_s: 4000 }]);
    expect(story(state)).toEqual([
      '0 threat.detected: port scan on web-1',
      '120 incident.resolved: port scan on web-1',
      '400 incident.updated: port scan on web-1',
      '640 incident.resolved: port scan on web-1',
      '2000 threat.detected: port scan on web-1',
      '2120 incident.resolved: port scan on web-1',
    ]);
    expect(incidentsOf(state).map(({ alerts, reopened }) => [alerts, reopened])).toEqual([
      [1, 0],
      [2, 1],
    ]);
  });

  it('an incident that an earlier build stored is read, goes on and ends', async () => {
    const {
      techniques: _,
      campaign_id: __,
      reopened: ___,
      muted: ____,
      ...stored
    } = open(alert(), 'a.default', 'default');
    const before = `
      CREATE TABLE incidents (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, state TEXT NOT NULL, active INTEGER NOT NULL, body TEXT NOT NULL,
        opened_at INTEGER NOT NULL, last_alert_at INTEGER NOT NULL, last_notified_at INTEGER NOT NULL,
        update_pending INTEGER NOT NULL DEFAULT 0);
      INSERT INTO incidents VALUES ('a.default', 'web-1', 'open', 1, '${JSON.stringify(stored)}', 1000, 1000, 1000, 0);`;
    const none: Mutes = { maintenance: [], allowed: [] };
    const state = await book.run('earlier', [at(20, { level: 'critical' }), { at_s: 600 }], none, before);
    expect(story(state)).toEqual([
      '61 incident.updated: port scan on web-1',
      '140 incident.resolved: port scan on web-1',
    ]);
    expect(incidentsOf(state)).toMatchObject([{ alerts: 2, reopened: 0, techniques: [{ uid: 'T1046' }], muted: null }]);
  });

  it('what is resolved by hand and goes on is told again; what was a false alarm is not', async () => {
    const id = incidentsOf(await book.run('hand', [at(0)]))[0]?.id ?? '';
    const state = await book.run('hand', [
      { at_s: 10, patch: { id, patch: { state: 'resolved' } } },
      at(20),
      { at_s: 80 },
    ]);
    expect(story(state)).toEqual([
      '10 incident.resolved: port scan on web-1',
      '70 incident.updated: port scan on web-1',
    ]);
    const quiet = await book.run('hand', [
      { at_s: 90, patch: { id, patch: { state: 'false_alarm' } } },
      at(100, { level: 'critical' }),
      at(700),
      { at_s: 3000 },
    ]);
    expect(story(quiet)).toEqual(['90 incident.resolved: port scan on web-1']);
    expect(incidentsOf(quiet)).toMatchObject([{ state: 'false_alarm', alerts: 4 }]);
  });
});

describe('on the edge', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await testEdge();
  });
  afterAll(() => edge.remove());
  const send = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${edge.url}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  const list = async (query: string): Promise<Incident[]> =>
    ((await (await send('GET', `/incidents${query}`)).json()) as { incidents: unknown[] }).incidents.map((item) =>
      incidentSchema.parse(item),
    );

  it('a maintenance window is made, listed, heeded, taken away and outlives the edge', async () => {
    const body = { hosts: 'db-*', from: '2026-11-20T09:00:00Z', until: '2026-11-20T11:00:00Z', reason: 'disks' };
    const made = await send('POST', '/maintenance?group=kept', body);
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    await edge.stop();
    edge = await testEdge({}, edge.stateDir);
    expect(await (await send('GET', '/maintenance?group=kept')).json()).toEqual({ maintenance: [{ id, ...body }] });
    await edge.detect([scanWindow('192.0.2.1', { group: 'kept', host: 'db-1' })]);
    expect((await list('?group=kept'))[0]?.muted).toEqual({ alerts: 1, because: `maintenance ${id}: disks` });
    const page = await (await send('GET', '/metrics')).text();
    expect(page).toMatch(/ml_detector_alerts_muted_total\{group="kept"\} 1\n/);
    expect(page).toMatch(/ml_detector_incidents_open\{group="kept",state="muted"\} 1\n/);
    expect((await send('DELETE', `/maintenance/${id}?group=kept`)).status).toBe(200);
    expect((await send('DELETE', `/maintenance/${id}?group=kept`)).status).toBe(404);
    expect((await send('POST', '/maintenance', { ...body, hosts: 'a b' })).status).toBe(400);
  });

  it('an allowed source likewise, in one form however it is written', async () => {
    expect((await send('POST', '/allowed_sources', { source: '192.0.2.7/24', reason: 'ours' })).status).toBe(201);
    const listed = { allowed_sources: [{ source: '192.0.2.0/24', reason: 'ours' }] };
    expect(await (await send('GET', '/allowed_sources')).json()).toEqual(listed);
    await edge.detect([scanWindow('192.0.2.99')]);
    expect((await list(''))[0]?.muted?.because).toBe('allowed source 192.0.2.0/24: ours');
    expect((await send('DELETE', '/allowed_sources?source=192.0.2.200/24')).status).toBe(200);
    expect((await send('DELETE', '/allowed_sources?source=192.0.2.0/24')).status).toBe(404);
    expect((await send('DELETE', '/allowed_sources?source=all')).status).toBe(400);
  });

  it('there are at most 200 of them', async () => {
    for (let index = 0; index < 200; index++)
      expect(
        (await send('POST', '/allowed_sources?group=full', { source: `10.0.0.${index}`, reason: 'x' })).status,
      ).toBe(201);
    expect((await send('POST', '/allowed_sources?group=full', { source: '10.0.1.0', reason: 'x' })).status).toBe(409);
    expect((await send('POST', '/allowed_sources?group=full', { source: '10.0.0.9', reason: 'y' })).status).toBe(201);
  });

  it('comments stand in the order they were written, fifty at most', async () => {
    await edge.detect([scanWindow('198.51.100.4', { group: 'talk' })]);
    const [one] = await list('?group=talk');
    const path = `/incidents/${one?.id}/comments`;
    expect((await send('POST', path, { text: 'looking', author: 'ana' })).status).toBe(201);
    for (let index = 1; index < 50; index++)
      expect((await send('POST', path, { text: `note ${index}` })).status).toBe(201);
    expect((await send('POST', path, { text: 'too much' })).status).toBe(409);
    expect((await send('POST', path, { text: ' ' })).status).toBe(400);
    const { comments } = (await (await send('GET', path)).json()) as {
      comments: { text: string; author: string | null }[];
    };
    expect(comments).toHaveLength(50);
    expect(comments[0]).toMatchObject({ text: 'looking', author: 'ana' });
    expect((await send('POST', '/incidents/abc.talk/comments', { text: 'nobody' })).status).toBe(404);
  });

  it('a list is narrowed by level, type, time and campaign', async () => {
    const group = 'narrow';
    await edge.detect([quietWindow({ group, jitter_ms: 15, avg_latency_ms: 12 })]);
    const [one] = await list(`?group=${group}`);
    expect(one).toMatchObject({ level: 'high', primary_type: 'jitter_anomaly' });
    const since = (offset_s: number): string =>
      encodeURIComponent(new Date(Date.now() + offset_s * 1000).toISOString());
    const found = async (query: string): Promise<number> => (await list(`?group=${group}&${query}`)).length;
    expect(await found('level=medium')).toBe(1);
    expect(await found('level=critical')).toBe(0);
    expect(await found('type=jitter_anomaly')).toBe(1);
    expect(await found('type=port_scan')).toBe(0);
    expect(await found(`since=${since(-60)}`)).toBe(1);
    expect(await found(`since=${since(60)}`)).toBe(0);
    expect(await found('campaign=none')).toBe(0);
    expect((await send('GET', '/incidents?level=worst')).status).toBe(400);
  });
});
