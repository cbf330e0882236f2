/** The collector as a service: settings from a file, reloaded while it runs, and a unit that gives it little. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, readConfigWithFile, SETTING_NAMES } from '../collector/config.ts';
import { type Link, makeLink, programs } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';
import { EdgeStandIn, until } from './edge-stand-in.ts';

const ROOT = join(import.meta.dirname, '..');
const VIGIA = join(ROOT, 'cli/vigia.ts');
const UNIT = join(ROOT, 'infra/vigia-collector.service');
const reason = missing('ip', 'tc', 'sysctl');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-service-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(text: string): string {
  const file = join(folder, 'collector.toml');
  writeFileSync(file, text);
  return file;
}

describe('the file of settings', () => {
  it('comes after options and variables, and before the defaults', () => {
    const config = write(
      'to = "http://file"\nsource = ["ebpf:eth1"]\ngroup = "file"\nhost = "file"\nperiod-ms = 500\n',
    );
    const environment = { VIGIA_CONFIG: config, VIGIA_HOST: 'variable', VIGIA_GROUP: 'variable' };
    const { config: read, origins } = readConfigWithFile({ group: 'option' }, environment);
    expect(read).toMatchObject({ to: 'http://file', sources: ['ebpf:eth1'], host: 'variable', group: 'option' });
    expect(read).toMatchObject({ period_ms: 500, local: ['auto'] });
    expect(Object.entries(origins).map(([name, { from }]) => [name, from])).toEqual(
      expect.arrayContaining([
        ['group', '--group'],
        ['host', 'VIGIA_HOST'],
        ['to', config],
        ['local', 'default'],
      ]),
    );
  });

  it.each([
    ['goup = "web"', /collector\.toml: goup: is no setting; did you mean group\?/],
    ['token_file = "/t"', /token_file: is no setting; did you mean token-file\?/],
    ['colour = "red"', /colour: is no setting; there are to, source, host/],
    ['period-ms = "fast"', /collector\.toml: period-ms: .*expected number/],
    ['source = ["ebpf:eth0", "tap:eth0"]', /collector\.toml: source\[1\]: tap:eth0: is no kind of source/],
    ['source = ["ebpf:eth0", "ebpf:e*"]', /source\[1\]: ebpf:e\* watches what ebpf:eth0 watches/],
    ['source = ["ebpf:v*0", "ebpf:*th0"]', /watches what/],
    ['source = ["pcap:-:eth0", "pcap:-:eth1"]', /source\[1\]: pcap:-:eth1 watches what pcap:-:eth0 watches/],
    ['source = ["windows:-", "pcap:-"]', /watches what/],
    ['to = "https://user:secret@edge"', /collector\.toml: to: must hold no user name or password/],
    ['to = "http://edge"\ngroup = ', /collector\.toml: line 2, column \d+: /],
  ])('is refused with the place and what was expected: %s', (line, message) => {
    const read = (): unknown => readConfigWithFile({ to: 'http://edge', config: write(line) }, {});
    const inFile = (): unknown => readConfigWithFile({ config: write(line) }, {});
    expect(line.startsWith('to') ? inFile : read).toThrow(ConfigError);
    expect(line.startsWith('to') ? inFile : read).toThrow(message);
  });

  it('a pattern and a name that cannot mean the same interface stand side by side; no pattern means lo', () => {
    const config = write('source = ["ebpf:veth*", "ebpf:eth*", "ebpf:lo"]');
    expect(readConfigWithFile({ to: 'http://edge', config }, {}).config.sources).toHaveLength(3);
  });

  it('the example is valid, and names every setting', () => {
    const file = join(ROOT, 'infra/collector.toml');
    expect(readConfigWithFile({ config: file }, {}).config).toMatchObject({ group: 'web', metrics: '127.0.0.1:9477' });
    const text = readFileSync(file, 'utf8');
    for (const name of SETTING_NAMES) expect(text).toMatch(new RegExp(`^(# )?${name} = `, 'm'));
  });

  it('--check prints what is in effect and where it comes from, and exits with 2 where that makes no sense', () => {
    const file = write('to = "http://edge"\nsource = ["ebpf:eth0"]\n');
    const check = (...args: string[]) =>
      spawnSync(process.execPath, [VIGIA, 'collect', '--config', file, '--spool', folder, '--check', ...args], {
        encoding: 'utf8',
      });
    expect(check('--group', 'db')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^to = "http:\/\/edge" {2}# .*collector\.toml\n(.*\n)*group = "db" {2}# --group\n/),
    });
    expect(check('--group', 'D B')).toMatchObject({ status: 2, stderr: expect.stringMatching(/--group .*lower case/) });
  });
});

describe.skipIf(reason)(named('a collector that runs', reason), () => {
  let edge: EdgeStandIn;
  const links: Link[] = [];
  let child: ChildProcess | undefined;
  beforeAll(async () => {
    edge = await EdgeStandIn.start();
    links.push(makeLink('x'), makeLink('y'));
  });
  afterEach(() => child?.kill('SIGKILL'));
  afterAll(async () => {
    for (const link of links) link.remove();
    await edge.stop();
  });

  const windows = (name: string) => edge.stored.flatMap((post) => post.windows).filter((one) => one.interface === name);

  it('takes other sources at SIGHUP, without a gap in those that stay, and keeps the old ones where the file is wrong', async () => {
    const settings = (group: string, ...sources: string[]): string =>
      write(`to = "${edge.url}"\nsource = ${JSON.stringify(sources)}\ngroup = "${group}"\nperiod-ms = 200\n`);
    const file = settings('one', 'ebpf:vgkx0');
    const running = spawn(process.execPath, [VIGIA, 'collect', '--config', file, '--spool', join(folder, 'spool')]);
    child = running;
    let log = '';
    running.stderr.on('data', (chunk) => (log += chunk));
    const reload = async (event: string): Promise<Record<string, unknown>> => {
      const before = log.length;
      running.kill('SIGHUP');
      await until(event, () => log.slice(before).includes(`"event":"${event}"`));
      const line = log
        .slice(before)
        .split('\n')
        .find((one) => one.includes(event));
      return JSON.parse(line ?? '');
    };

    await until('windows of the first', () => windows('vgkx0').length > 2);
    settings('two', 'ebpf:vgkx0', 'ebpf:vgky0');
    expect(await reload('reloaded')).toMatchObject({
      added: ['ebpf:vgky0'],
      removed: [],
      needs_restart: ['group'],
    });
    await until('windows of the second', () => windows('vgky0').length > 2);
    expect(windows('vgky0')[0]?.group).toBe('one');

    write('sources = []\n');
    expect(await reload('reload_failed')).toMatchObject({ message: expect.stringMatching(/did you mean source\?/) });

    settings('one', 'ebpf:vgky0', 'ebpf:vgknone');
    expect(await reload('reloaded')).toMatchObject({ added: ['ebpf:vgknone'], removed: ['ebpf:vgkx0'] });
    await until('what cannot be watched is told', () => log.includes('added_source_failed'));
    expect(programs('vgkx0')).toBe(0);
    const first = windows('vgkx0');
    const [count] = [windows('vgky0').length];
    await until('the second goes on', () => windows('vgky0').length > count + 2);

    running.kill('SIGTERM');
    expect(await once(running, 'exit')).toEqual([0, null]);
    for (const [i, { start, duration_s }] of windows('vgkx0').slice(0, -1).entries())
      expect(
        Math.abs(Date.parse(start) + duration_s * 1000 - Date.parse(windows('vgkx0')[i + 1]?.start ?? '')),
      ).toBeLessThan(100);
    expect(new Set(windows('vgkx0').map(({ id }) => id.slice(-4))).size).toBe(1);
    expect(windows('vgkx0').length).toBeGreaterThanOrEqual(first.length);
  });
});

describe('the unit', () => {
  it('is exposed to little, by the measure of systemd', () => {
    const text = sh('systemd-analyze', 'security', '--offline=true', '--no-pager', UNIT);
    expect(Number(/exposure level for \S+ ([\d.]+)/.exec(text)?.[1])).toBeLessThanOrEqual(1.7);
  });

  it('sets limits, reloads by SIGHUP and keeps compiled code', () => {
    const unit = readFileSync(UNIT, 'utf8');
    for (const setting of ['MemoryMax', 'CPUQuota', 'Nice', 'TasksMax', 'ExecReload=/bin/kill -HUP'])
      expect(unit).toMatch(new RegExp(`^${setting}`, 'm'));
  });
});
