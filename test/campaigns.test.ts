/** One attacker on many hosts is one campaign: told as one, updated at few numbers of hosts, over when all hosts are quiet. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Campaign, campaign as campaignSchema } from '../contract/campaign.ts';
import { type Incident, incident as incidentSchema } from '../contract/incident.ts';
import { detectionFinding, webhookEvent } from '../contract/webhook-event.ts';
import { passedMilestone } from '../functions/detect/incidents/campaigning.ts';
import { scanWindow, testEdge, webhookReceiver } from './edge-fixture.ts';
import { type BookInWorkerd, type BookState, bookInWorkerd } from './incident-book-in-workerd.ts';
import { alert } from './made-alerts.ts';

const named = (count: number, from = 1): string[] => Array.from({ length: count }, (_, index) => `web-${from + index}`);
const campaignsOf = (state: BookState): Campaign[] => state.campaigns.map((item) => campaignSchema.parse(item));
const incidentsOf = (state: BookState): Incident[] => state.incidents.map((item) => incidentSchema.parse(item));
const story = (state: BookState): string[] =>
  state.told.map(({ type, at_s, data }) => `${at_s} ${type}: ${detectionFinding.parse(data).finding_info.title}`);

it.each([
  [0, 2, false],
  [2, 4, false],
  [2, 5, true],
  [5, 9, false],
  [9, 1200, true],
  [1000, 1200, false],
])('of %i hosts told, %i are worth a word: %s', (told, hosts, worth) => {
  expect(passedMilestone(told, hosts)).toBe(worth);
});

describe('by a clock that is turned', () => {
  let book: BookInWorkerd;
  beforeAll(async () => {
    book = await bookInWorkerd();
  });
  afterAll(() => book.stop());

  it('a scanner that comes to one host after another is told at few numbers of them', async () => {
    const steps = named(1000).map((host, index) => ({ at_s: index * 3, hosts: [host], alert: alert() }));
    const state = await book.run('crawl', [...steps, { at_s: 3600 }]);
    expect(story(state)).toEqual([
      '0 threat.detected: port scan on web-1',
      '13 threat.detected: port scan on 5 hosts',
      '73 incident.updated: port scan on 25 hosts',
      '120 incident.resolved: port scan on web-1',
      '147 incident.updated: port scan on 50 hosts',
      '297 incident.updated: port scan on 100 hosts',
      '1497 incident.updated: port scan on 500 hosts',
      '2997 incident.updated: port scan on 1000 hosts',
      '3117 incident.resolved: port scan on 1000 hosts',
    ]);
    expect(new Set(state.told.map(({ incident_id }) => incident_id)).size).toBe(2);
    expect(detectionFinding.parse(state.told.at(-1)?.data).resources).toHaveLength(32);
  });

  it('a thousand hosts hit by one scanner for an hour', async () => {
    const hosts = named(1000);
    // A window of each host every minute.
    const rounds = Array.from({ length: 60 }, (_, round) => ({ at_s: round * 60, hosts, alert: alert() }));
    const began = performance.now();
    const during = await book.run('storm', rounds);
    const took_s = (performance.now() - began) / 1000;
    expect(story(during)).toEqual([
      '0 threat.detected: port scan on web-1',
      '10 threat.detected: port scan on 1000 hosts',
    ]);
    expect(incidentsOf(during).every(({ campaign_id, state }) => campaign_id !== null && state === 'open')).toBe(true);
    expect(campaignsOf(during)).toMatchObject([{ hosts: 1000, alerts: 60_000, state: 'open', joined_by: 'source' }]);
    // 60,000 alerts: the object stays small, and one alert costs well below a millisecond.
    expect(during.bytes).toBeLessThan(32 * 1024 * 1024);
    expect(took_s).toBeLessThan(60);
    const after = await book.run('storm', [{ at_s: 3600 + 600 }]);
    expect(story(after)).toEqual([
      '3660 incident.resolved: port scan on web-1',
      '3660 incident.resolved: port scan on 1000 hosts',
    ]);
    expect(campaignsOf(after)).toMatchObject([{ hosts: 1000, alerts: 60_000, state: 'resolved' }]);
  });

  it('another attacker on one of the hosts is told by itself', async () => {
    const state = await book.run('other', [
      { at_s: 0, hosts: named(20), alert: alert() },
      { at_s: 20, hosts: ['web-3'], alert: alert({ attackingIps: ['198.51.100.9'] }) },
      {
        at_s: 21,
        hosts: ['web-4'],
        alert: alert({ detectionType: 'authentication', threatTypes: ['brute_force_attack'] }),
      },
    ]);
    expect(story(state)).toEqual([
      '0 threat.detected: port scan on web-1',
      '10 threat.detected: port scan on 20 hosts',
      '20 threat.detected: port scan on web-3',
      '21 threat.detected: brute force attack on web-4',
    ]);
  });

  it('made-up sources: the same attack on ten hosts within minutes is one campaign', async () => {
    const steps = named(50).map((host, index) => ({
      at_s: index * 5,
      hosts: [host],
      alert: alert({ threatTypes: ['syn_flood'], attackingIps: [`203.0.113.${index}`] }),
    }));
    const state = await book.run('spoofed', steps);
    const types = story(state).map((line) => line.replace(/^\S+ /, ''));
    expect(types.slice(0, 9)).toEqual(named(9).map((host) => `threat.detected: syn flood on ${host}`));
    expect(types.slice(9).filter((line) => line.startsWith('threat.detected'))).toEqual([
      'threat.detected: syn flood on 11 hosts',
    ]);
    expect(campaignsOf(state)).toMatchObject([{ joined_by: 'type', hosts: 50 }]);
  });

  it('nine hosts with attackers of their own are no campaign', async () => {
    const steps = named(9).map((host, at_s) => ({
      at_s,
      hosts: [host],
      alert: alert({ attackingIps: [`203.0.113.${at_s}`] }),
    }));
    const state = await book.run('nine', steps);
    expect(campaignsOf(state)).toEqual([]);
    expect(state.told).toHaveLength(9);
  });

  it('a campaign that gets worse on all its hosts is told once more', async () => {
    const state = await book.run('worse', [
      { at_s: 0, hosts: named(30), alert: alert({ level: 'medium' }) },
      { at_s: 30, hosts: named(30), alert: alert({ level: 'critical' }) },
      { at_s: 80, hosts: named(30), alert: alert({ level: 'critical' }) },
    ]);
    expect(story(state)).toEqual([
      '0 threat.detected: port scan on web-1',
      '10 threat.detected: port scan on 30 hosts',
      '70 incident.updated: port scan on 30 hosts',
    ]);
    expect(detectionFinding.parse(state.told[2]?.data).severity_id).toBe(5);
  });

  it('called a false alarm, it takes its incidents along, those to come too, and is silent', async () => {
    const first = await book.run('ours', [{ at_s: 0, hosts: named(20), alert: alert() }, { at_s: 15 }]);
    const id = campaignsOf(first)[0]?.id ?? '';
    const state = await book.run('ours', [
      { at_s: 20, patchCampaign: { id, patch: { state: 'false_alarm', note: 'our own scanner' } } },
      { at_s: 30, hosts: named(100), alert: alert() },
      { at_s: 3600 },
    ]);
    expect(story(state)).toEqual([
      '20 incident.resolved: port scan on 20 hosts',
      '20 incident.resolved: port scan on web-1',
    ]);
    expect(incidentsOf(state).map(({ state }) => state)).toEqual(Array(100).fill('false_alarm'));
    expect(campaignsOf(state)).toMatchObject([{ state: 'false_alarm', note: 'our own scanner', hosts: 100 }]);
  });

  it('one that comes back within ten minutes goes on, and in bursts it is not told at each', async () => {
    const bursts = Array.from({ length: 10 }, (_, burst) => ({ at_s: burst * 180, hosts: named(3), alert: alert() }));
    const state = await book.run('bursts', [...bursts, { at_s: 3600 }]);
    expect(campaignsOf(state)).toHaveLength(1);
    expect(incidentsOf(state)).toHaveLength(3);
    expect(story(state)).toEqual([
      '0 threat.detected: port scan on web-1',
      '10 threat.detected: port scan on 3 hosts',
      '120 incident.resolved: port scan on web-1',
      '120 incident.resolved: port scan on 3 hosts',
      '180 incident.updated: port scan on 3 hosts',
      '1860 incident.resolved: port scan on 3 hosts',
    ]);
  });

  it('after 90 days incidents and campaigns are deleted, and counted', async () => {
    await book.run('old', [{ at_s: 0, hosts: named(5), alert: alert() }, { at_s: 600 }]);
    const later = await book.run('old', [{ at_s: 91 * 86_400 }]);
    expect([later.incidents, later.campaigns, later.next]).toEqual([[], [], null]);
    expect(later.counters.incidents_forgotten).toBe(5);
  });
});

it('on the edge: a thousand hosts report one scanner, and four messages arrive', async () => {
  const receiver = await webhookReceiver();
  const edge = await testEdge({
    WEBHOOK_URL: receiver.url,
    WEBHOOK_ALLOW_PRIVATE: 'true',
    INCIDENT_QUIET_S: '12',
  });
  try {
    // An hour by the windows' own time; as fast as they can be posted.
    for (let round = 0; round < 6; round++) {
      const start = new Date(Date.UTC(2026, 10, 20, 10, round * 10)).toISOString();
      await edge.detect(named(1000).map((host) => scanWindow('192.0.2.66', { host, start })));
    }
    const [campaign] = ((await (await fetch(`${edge.url}/campaigns`)).json()) as { campaigns: unknown[] }).campaigns;
    const { id, ...facts } = campaignSchema.parse(campaign);
    expect(facts).toMatchObject({ hosts: 1000, alerts: 6_000, attacking_ips: ['192.0.2.66'] });
    expect(facts.first_seen).toBe('2026-11-20T10:00:00.000Z');
    expect(facts.last_seen).toBe('2026-11-20T10:50:01.000Z');
    const members = await fetch(`${edge.url}/incidents?campaign=${id}&level=high&type=port_scan&limit=500`);
    expect(((await members.json()) as { incidents: unknown[] }).incidents).toHaveLength(500);

    await receiver.received(4, 40_000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const events = receiver.deliveries.map(({ body }) => webhookEvent.parse(JSON.parse(body)));
    const told = events.map(({ type, data }) => `${type}: ${detectionFinding.parse(data).finding_info.title}`);
    // The last two leave together.
    expect(told.sort()).toEqual([
      'incident.resolved: port scan on 1000 hosts',
      'incident.resolved: port scan on web-1',
      'threat.detected: port scan on 1000 hosts',
      'threat.detected: port scan on web-1',
    ]);
  } finally {
    await edge.remove();
    await receiver.close();
  }
});

it('on the edge: one scanner on the hosts of three groups is three campaigns, each told once', async () => {
  const receiver = await webhookReceiver();
  const vars = { WEBHOOK_URL: receiver.url, WEBHOOK_ALLOW_PRIVATE: 'true', INCIDENT_QUIET_S: '12' };
  const edge = await testEdge(vars);
  const groups = ['db', 'mail', 'web'];
  try {
    for (let round = 0; round < 3; round++)
      await edge.detect(
        groups.flatMap((group) =>
          named(100).map((host) => scanWindow('192.0.2.66', { host: `${group}-${host}`, group })),
        ),
      );
    const campaigns = await Promise.all(
      groups.map(async (group) => {
        const answer = await fetch(`${edge.url}/campaigns?group=${group}`);
        return ((await answer.json()) as { campaigns: unknown[] }).campaigns.map((item) => campaignSchema.parse(item));
      }),
    );
    expect(campaigns.map((own) => own.map(({ group, hosts, alerts }) => [group, hosts, alerts]))).toEqual(
      groups.map((group) => [[group, 100, 300]]),
    );
    await receiver.received(12, 40_000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const events = receiver.deliveries.map(({ body }) => webhookEvent.parse(JSON.parse(body)));
    const told = events.map(({ type, data }) => {
      const { finding_info, resources } = detectionFinding.parse(data);
      return `${type}: ${finding_info.title}, ${resources[0]?.group.name}`;
    });
    const own = (group: string): string[] => [
      `incident.resolved: port scan on 100 hosts, ${group}`,
      `incident.resolved: port scan on ${group}-web-1, ${group}`,
      `threat.detected: port scan on 100 hosts, ${group}`,
      `threat.detected: port scan on ${group}-web-1, ${group}`,
    ];
    expect(told.sort()).toEqual(groups.flatMap(own).sort());
  } finally {
    await edge.remove();
    await receiver.close();
  }
});
