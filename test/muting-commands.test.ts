/** `vigia maintenance` and `vigia allow` against a running edge: what they mute, and what they refuse. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { incidentPage } from '../contract/incident.ts';
import { allowedSource, type MaintenanceWindow, maintenanceWindow } from '../contract/muting.ts';
import { type CommandEdge, commandEdge, type Ended } from './command-edge.ts';
import { scanWindow } from './edge-fixture.ts';

let made: CommandEdge;
beforeAll(async () => {
  made = await commandEdge();
});
afterAll(() => made?.remove());

const admin = (...args: string[]): Promise<Ended> => made.as('admin', ...args);
const refused = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await admin(...args);
  expect([code, stdout]).toEqual([2, '']);
  return stderr;
};
/** Why an alert of now on the host, by the attacker, is not told; null where it is. */
const scan = async (group: string, host: string, attacker: string): Promise<string | null> => {
  const { edge, headers } = made;
  await edge.detect([scanWindow(attacker, { group, host, start: new Date().toISOString() })], headers);
  const answer = await fetch(`${edge.url}/incidents?group=${group}&host=${host}`, { headers });
  const { incidents } = incidentPage.parse(await answer.json());
  expect(incidents).toHaveLength(1);
  return incidents[0]?.muted?.because ?? null;
};

describe('vigia maintenance', () => {
  const add = (...args: string[]): Promise<Ended> => admin('maintenance', 'add', '--hosts', 'db-*', ...args);

  it('mutes alerts of its hosts from now on, and not once it is ended', async () => {
    const { stdout, stderr } = await add('--for', '2h', '--reason', 'new disks', '--group', 'disks');
    const [, id = ''] = /^(\w+): alerts of db-\* are not told from \S+Z until \S+Z\n$/.exec(stdout) ?? [];
    expect([id.length, stderr]).toEqual([8, '']);
    expect(await scan('disks', 'db-1', '192.0.2.1')).toBe(`maintenance ${id}: new disks`);
    expect(await scan('disks', 'web-1', '192.0.2.2')).toBeNull();
    const table = (await admin('incidents', '--group', 'disks')).stdout;
    expect(table).toMatch(/ open, not told +critical +db-1 /);
    expect(table).toMatch(/ open +critical +web-1 /);
    const [shown = ''] = table.match(/^\S+(?=.* db-1 )/m) ?? [];
    expect((await admin('incidents', 'show', shown)).stdout).toMatch(
      new RegExp(`^not told +1 of 1 alert: maintenance ${id}: new disks$`, 'm'),
    );
    expect((await admin('maintenance', '--group', 'disks')).stdout).toMatch(
      new RegExp(`^id +state +hosts .*\n${id} +goes on +db-\\* .* all +new disks\n$`),
    );
    expect((await admin('maintenance', 'end', id, '--group', 'disks')).stdout).toBe(
      `${id} is no more: alerts are told\n`,
    );
    expect(await scan('disks', 'db-2', '192.0.2.3')).toBeNull();
    expect((await admin('maintenance', 'list', '--group', 'disks')).stdout).toBe('no maintenance\n');
    expect(await refused('maintenance', 'end', id, '--group', 'disks')).toMatch(
      /404 Not found: There is no maintenance/,
    );
  });

  it('takes a time to begin and one to end, and a length beside a begin', async () => {
    const made = async (...args: string[]): Promise<MaintenanceWindow> => {
      const { stdout, stderr } = await add('--reason', 'audit', '--json', '--group', 'times', ...args);
      expect(stderr).toBe('');
      return maintenanceWindow.parse(JSON.parse(stdout));
    };
    const times = { from: '2100-01-01T22:00:00Z', until: '2100-01-02T02:00:00+01:00' };
    const only = ['port_scan', 'syn_flood'];
    expect(await made('--from', times.from, '--until', times.until, '--types', only.join(','))).toMatchObject({
      ...times,
      types: only,
    });
    expect((await made('--from', times.from, '--for', '90m')).until).toBe('2100-01-01T23:30:00.000Z');
    const table = (await admin('maintenance', 'list', '--group', 'times')).stdout;
    expect(table).toMatch(/ to come +db-\* +2100-01-01 22:00 +2100-01-02 01:00 +port_scan syn_flood +audit$/m);
    const late = await add('--from', '2020-01-01T00:00:00Z', '--for', '1h', '--reason', 'x', '--group', 'times');
    expect(late).toMatchObject({ code: 0, stderr: 'that time is over: it holds for alerts that come late\n' });
  });

  it('says which time, host or threat is wrong, and what was expected', async () => {
    const wrong = (...args: string[]): Promise<string> => refused('maintenance', 'add', '--hosts', 'db-*', ...args);
    expect(await wrong('--reason', 'x')).toBe(
      'vigia: when does it end? Add --for 2h, or --until 2026-11-22T02:00:00Z\n',
    );
    expect(await wrong('--reason', 'x', '--for', '2 hours')).toMatch(/--for <TIME>'.*must be a length of time such as/);
    expect(await wrong('--reason', 'x', '--until', 'noon')).toMatch(/--until <TIME>'.*must be a time such as \S+Z/);
    expect(await wrong('--reason', 'x', '--until', '2100-01-01T00:00:00Z', '--for', '2h')).toMatch(
      /cannot be used with/,
    );
    expect(await wrong('--reason', 'x', '--until', '2020-01-01T00:00:00Z')).toMatch(
      /answers 400 Bad request: .*\n {2}until: must be later than "from"\n/,
    );
    expect(await wrong('--reason', 'x', '--for', '2h', '--types', 'rain')).toMatch(/\n {2}types\[0\]: .*port_scan/);
    expect(await wrong('--for', '2h')).toMatch(/required option '--reason <TEXT>' not specified/);
    expect(await refused('maintenance', 'add', '--hosts', 'a b', '--for', '2h', '--reason', 'x')).toMatch(
      /\n {2}hosts: must be a host name, in which \* stands for any characters\n/,
    );
  });
});

describe('vigia allow', () => {
  it('mutes alerts of a network, in one form however it is written, until it is removed', async () => {
    const reason = 'our own scanner \u001b[2J';
    const { stdout } = await admin('allow', 'add', '192.0.2.7/24', '--reason', reason, '--group', 'audit');
    expect(stdout).toBe('192.0.2.0/24 is allowed: alerts from there alone are recorded and not told\n');
    expect(await scan('audit', 'web-1', '192.0.2.99')).toMatch(/^allowed source 192\.0\.2\.0\/24: our own/);
    expect(await scan('audit', 'web-2', '198.51.100.1')).toBeNull();
    expect((await admin('allow', '--group', 'audit')).stdout).toBe(
      'source        reason\n192.0.2.0/24  our own scanner \ufffd[2J\n',
    );
    const listed = JSON.parse((await admin('allow', 'list', '--group', 'audit', '--json')).stdout) as object;
    expect(listed).toEqual({ allowed_sources: [allowedSource.parse({ source: '192.0.2.0/24', reason })] });
    const removed = await admin('allow', 'remove', '192.0.2.200/24', '--group', 'audit');
    expect(removed.stdout).toBe('192.0.2.0/24 is allowed no longer: alerts from there are told\n');
    expect(await scan('audit', 'web-3', '192.0.2.98')).toBeNull();
    expect((await admin('allow', 'list', '--group', 'audit')).stdout).toBe('no allowed sources\n');
  });

  it('says what is wrong with a network', async () => {
    const wrong = (source: string): Promise<string> => refused('allow', 'add', source, '--reason', 'x');
    expect(await wrong('scanner')).toMatch(
      /400 .*\n {2}source: must be an address or a network, such as 192\.0\.2\.0\/24/,
    );
    expect(await wrong('0.0.0.0/0')).toMatch(/\n {2}source: must not be all addresses/);
    expect(await refused('allow', 'remove', 'scanner')).toMatch(/400 .*\n {2}source: must be an address or a network/);
    expect(await refused('allow', 'remove', '203.0.113.9')).toMatch(/404 Not found: There is no allowed source/);
  });
});

it('a token that may only read lists them, and is told what it lacks for more', async () => {
  await made.edge.detect([scanWindow('198.51.100.4')], made.headers);
  const [incident] = incidentPage.parse(JSON.parse((await admin('incidents', 'list', '--json')).stdout)).incidents;
  const asReader = (...args: string[]): Promise<Ended> => made.as('read', ...args);
  for (const command of ['maintenance', 'allow']) expect((await asReader(command, 'list')).code).toBe(0);
  for (const args of [
    ['maintenance', 'add', '--hosts', '*', '--for', '1h', '--reason', 'x'],
    ['maintenance', 'end', '00000000'],
    ['allow', 'add', '192.0.2.1', '--reason', 'x'],
    ['allow', 'remove', '192.0.2.1'],
    ['incidents', 'comment', '000000000aaaaaaaa.default', 'x'],
    ['incidents', 'ack', incident?.id ?? ''],
  ]) {
    const { code, stdout, stderr } = await asReader(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/answers 403 Forbidden: The token lacks the scope "admin"\.\n$/);
  }
});
