/** `vigia incidents` beyond one incident: campaigns, comments and filters, against a running edge. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { campaign, campaignPage } from '../contract/campaign.ts';
import { groupList } from '../contract/group-list.ts';
import { comment, incident, incidentPage } from '../contract/incident.ts';
import { type CommandEdge, commandEdge, type Ended } from './command-edge.ts';
import { quietWindow, scanWindow } from './edge-fixture.ts';

const GROUP = 'shop';
const HOSTS = ['web-1', 'web-2', 'web-3'];

let made: CommandEdge;
/** Of three hosts that one scanner visits. */
let together: string;
/** Of a host that another scans. */
let alone: string;

const incidents = (...args: string[]): Promise<Ended> => made.as('admin', 'incidents', ...args);
const listed = async (...args: string[]): Promise<string[]> => {
  const { stdout } = await incidents('list', '--json', ...args);
  return incidentPage.parse(JSON.parse(stdout)).incidents.map(({ host }) => host);
};

const audited = (id: string): object[] =>
  made.edge.logs
    .map((line) => JSON.parse(line))
    .filter(({ event, path }) => event === 'audit' && path.endsWith(`/${id}`))
    .map(({ operation, status }) => ({ operation, status }));

beforeAll(async () => {
  made = await commandEdge();
  const scans = HOSTS.map((host) => scanWindow('192.0.2.66', { host, group: GROUP }));
  await made.edge.detect([...scans, scanWindow('198.51.100.4', { host: 'db-1', group: GROUP })], made.headers);
  const campaigns = await incidents('campaigns', '--group', GROUP, '--json');
  together = campaignPage.parse(JSON.parse(campaigns.stdout)).campaigns[0]?.id ?? '';
  const one = await incidents('list', '--group', GROUP, '--host', 'db-1', '--json');
  alone = incidentPage.parse(JSON.parse(one.stdout)).incidents[0]?.id ?? '';
});
afterAll(() => made?.remove());

it('groups are listed, the one with most open first', async () => {
  await made.edge.detect([quietWindow({ group: 'calm' })], made.headers);
  const { stdout } = await incidents('groups');
  expect(stdout).toMatch(/^group +open +acknowledged +not told +in 24 h +windows\n/);
  expect(stdout).toMatch(/^shop +4 +0 +0 +4 +4\ncalm +0 +0 +0 +0 +1$/m);
  const json = groupList.parse(JSON.parse((await incidents('groups', '--json')).stdout));
  expect(json).toMatchObject({ groups: [{ group: GROUP, incidents: { open: 4 } }, { group: 'calm' }], others: false });
});

describe('a campaign', () => {
  it('stands in a list of its own', async () => {
    const { stdout } = await incidents('campaigns', '--group', GROUP);
    expect(stdout).toMatch(/^id +last seen \(UTC\) +state +level +hosts +threat +alerts +attackers\n/);
    expect(stdout).toMatch(new RegExp(`^${together} .* open .* 3 +port_scan +3 +192\\.0\\.2\\.66$`, 'm'));
    expect((await incidents('campaigns', '--group', 'calm')).stdout).toBe('no campaigns\n');
  });

  it('is shown with its hosts and incidents, by the same command as an incident', async () => {
    const { stdout } = await incidents('show', together);
    expect(stdout).toMatch(/^joined by +the same attacker$/m);
    expect(stdout).toMatch(/^hosts +3: web-1, web-2, web-3$/m);
    for (const host of HOSTS) expect(stdout).toMatch(new RegExp(`^\\S+\\.${GROUP} .* ${host} +port_scan`, 'm'));
    const shown = campaign
      .extend(incidentPage.shape)
      .parse(JSON.parse((await incidents('show', together, '--json')).stdout));
    expect(shown).toMatchObject({ id: together, hosts: 3, next: null });
    expect(shown.incidents).toHaveLength(3);
    expect((await incidents('show', alone)).stdout).not.toMatch(/^campaign/m);
    expect((await incidents('show', shown.incidents[0]?.id ?? '')).stdout).toMatch(
      new RegExp(`^campaign +${together}$`, 'm'),
    );
  });

  it('is answered with its incidents by its own id', async () => {
    const { stdout } = await incidents('ack', together, '--note', 'our own auditors');
    expect(stdout).toBe(`${together}, a campaign on 3 hosts, is acknowledged with its incidents\n`);
    expect((await listed('--group', GROUP, '--state', 'acknowledged')).sort()).toEqual(HOSTS);
    expect((await incidents('show', together)).stdout).toMatch(/^note +our own auditors$/m);
    expect(JSON.parse((await incidents('resolve', together, '--json')).stdout)).toMatchObject({ state: 'resolved' });
    expect((await listed('--group', GROUP, '--state', 'resolved')).sort()).toEqual(HOSTS);
    // What was done, and no try before it.
    const line = { operation: 'patchCampaign', status: 200 };
    await expect.poll(() => audited(together), { timeout: 10_000 }).toEqual([line, line]);
  });
});

it('an id that is nowhere is said to be neither, and changes nothing', async () => {
  for (const command of ['show', 'ack', 'resolve', 'false-alarm']) {
    const { code, stdout, stderr } = await incidents(command, '000000000aaaaaaaa.shop');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^vigia: there is no incident and no campaign 000000000aaaaaaaa\.shop; "vigia incidents list"/,
    );
  }
  expect(audited('000000000aaaaaaaa.shop')).toEqual([]);
});

describe('comments', () => {
  it('are shown with the incident, and cannot pass for another of its lines', async () => {
    const added = await incidents(
      'comment',
      alone,
      'asked the owner\nstate      resolved \u001b[2J',
      '--author',
      'night shift',
    );
    expect(added.stdout).toMatch(new RegExp(`^${alone} has a comment of \\S+Z\n$`));
    expect(JSON.parse((await incidents('comment', alone, 'no answer', '--json')).stdout)).toMatchObject({
      author: null,
      text: 'no answer',
    });
    const { stdout } = await incidents('show', alone);
    expect(stdout).toMatch(
      /^comments {3}\S+ \S+ night shift: asked the owner\n {11}state {6}resolved \ufffd\[2J\n {11}\S+ \S+ unsigned: no answer\n/m,
    );
    const shown = incident.extend({ comments: z.array(comment) });
    expect(shown.parse(JSON.parse((await incidents('show', alone, '--json')).stdout)).comments).toHaveLength(2);
  });

  it('are refused by the field that is wrong', async () => {
    const { code, stderr } = await incidents('comment', alone, ' ');
    expect(code).toBe(2);
    expect(stderr).toMatch(/answers 400 Bad request: The body is not valid\.\n {2}text: /);
    expect((await incidents('comment', together, 'hello')).stderr).toMatch(
      /answers 404 Not found: There is no incident/,
    );
  });
});

describe('the list', () => {
  it('is of one campaign, in whatever group that is', async () => {
    expect((await listed('--campaign', together)).sort()).toEqual(HOSTS);
    const { stderr } = await incidents('list', '--campaign', together, '--limit', '2');
    expect(stderr).toMatch(/^older ones: --cursor \S+\n$/);
  });

  it('is of a level and above, of a threat, or of the latest hours', async () => {
    const all = ['db-1', ...HOSTS];
    expect((await listed('--group', GROUP, '--level', 'low')).sort()).toEqual(all);
    expect((await listed('--group', GROUP, '--type', 'port_scan')).sort()).toEqual(all);
    expect(await listed('--group', GROUP, '--type', 'brute_force_attack')).toEqual([]);
    expect((await listed('--group', GROUP, '--since', '1h')).sort()).toEqual(all);
    expect(await listed('--group', GROUP, '--since', '2100-01-01T00:00:00Z')).toEqual([]);
  });

  it('says what a filter takes', async () => {
    expect((await incidents('list', '--since', 'yesterday')).stderr).toMatch(
      /--since <TIME>' argument 'yesterday' is invalid\. must be a time such as \S+Z, or how long ago, such as 10m/,
    );
    expect((await incidents('list', '--level', 'worst')).stderr).toMatch(/Allowed choices are none, low, medium/);
    expect((await incidents('list', '--since', '9999999d')).stderr).toMatch(/3650d at most/);
  });
});
