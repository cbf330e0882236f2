/** Blocking as an operator meets it: a real collector, real packets between two namespaces, `vigia block`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAR_ADDRESS, type Link, makeLink, NEAR_ADDRESS } from './ebpf-link.ts';
import { missing, named, sh } from './ebpf-machine.ts';
import { type Answer, EdgeStandIn, stores, until } from './edge-stand-in.ts';

const VIGIA = join(import.meta.dirname, '../cli/vigia.ts');
const reason = missing('ip', 'sysctl', 'ping');

/** An edge that finds a port scan in every window. */
const accuses: Answer = (response, { windows }) => {
  const verdict = {
    ...{
      threat_detected: true,
      threat_types: ['port_scan'],
      attacking_ips: [FAR_ADDRESS],
      level: 'high',
      confidence: 0.9,
    },
  };
  const results = windows.map(({ id, host, group, start, duration_s }) => ({
    ...verdict,
    window: { id, host, group, start, duration_s },
  }));
  response.end(JSON.stringify({ results }));
};

describe.skipIf(reason)(named('blocking on a host', reason), () => {
  let link: Link;
  let edge: EdgeStandIn;
  let folder: string;
  let collector: ChildProcess | null = null;
  let log: Promise<string>;

  beforeAll(() => {
    link = makeLink('bl', true);
  });
  afterAll(() => link.remove());
  beforeEach(async () => {
    edge = await EdgeStandIn.start();
    folder = mkdtempSync(join(tmpdir(), 'vigia-bl-'));
  });
  afterEach(async () => {
    await stopped();
    await edge.stop();
    rmSync(folder, { recursive: true });
  });

  async function collecting(...options: string[]): Promise<void> {
    const args = ['collect', '--to', edge.url, '--source', `ebpf:${link.near}`, '--spool', folder, ...options];
    collector = spawn(process.execPath, [VIGIA, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    if (!collector.stderr) throw new Error('the collector has no log');
    log = text(collector.stderr);
    await until('a first post', () => edge.posts.length > 0);
  }
  async function stopped(): Promise<void> {
    if (!collector || collector.exitCode !== null) return;
    collector.kill('SIGTERM');
    await once(collector, 'exit');
  }

  const vigia = (...args: string[]) =>
    spawnSync(process.execPath, [VIGIA, 'block', ...args, '--spool', folder], { encoding: 'utf8' });
  /** Whether the far side gets through. */
  const reaches = (): boolean =>
    spawnSync('ip', [...link.inside, 'ping', '-c', '1', '-W', '1', NEAR_ADDRESS]).status === 0;

  it.each(['tcx', 'xdp'])('by hand at %s: add, list, remove, and gone with the collector', async (hook) => {
    await collecting('--block-at', hook);
    expect(reaches()).toBe(true);
    expect(vigia('add', FAR_ADDRESS, '--for', '2h', '--reason', 'ticket 4711').stdout).toMatch(
      /10\.213\.7\.2 is blocked until/,
    );
    expect(reaches()).toBe(false);
    const { stdout } = vigia('list');
    expect(stdout).toMatch(
      /^verdicts are only counted \(dry run\); 1 interface\n10\.213\.7\.2 .* dropped [1-9]\d* packets, \d+ bytes {2}ticket 4711 \(hand\)/,
    );
    expect(stdout).toContain(`${NEAR_ADDRESS} (own address)`);
    expect(vigia('remove', FAR_ADDRESS).status).toBe(0);
    expect(reaches()).toBe(true);
    vigia('add', '10.213.7.0/24', '--for', '2h');
    expect(reaches()).toBe(false);
    await stopped();
    expect(reaches()).toBe(true);
  });

  it('a collector that hangs blocks nobody, until it goes on', async () => {
    await collecting();
    vigia('add', FAR_ADDRESS, '--for', '2h');
    expect(reaches()).toBe(false);
    collector?.kill('SIGSTOP');
    try {
      await until('a hanging collector blocks no more', reaches, 40_000);
    } finally {
      collector?.kill('SIGCONT');
    }
    await until('it blocks again', () => !reaches());
  }, 90_000);

  it('says what is wrong: the allowlist, no address, not there, nobody asked', async () => {
    await collecting('--allow', `${FAR_ADDRESS}/32`);
    const error = (...args: string[]): string => {
      const { status, stderr } = vigia(...args);
      expect(status).toBe(2);
      return stderr;
    };
    expect(error('add', FAR_ADDRESS, '--force')).toContain('is on the allowlist (configured): it is never blocked');
    expect(error('add', NEAR_ADDRESS)).toContain('(own address)');
    expect(error('add', 'nobody')).toContain('"nobody" is no address or network');
    expect(error('add', '203.0.113.9', '--for', 'long')).toContain('must be a length of time such as 90s');
    expect(error('remove', '203.0.113.9')).toContain('203.0.113.9 is not blocked');
    expect(error('add', '0.0.0.0/0', '--for', '1h')).toContain('block it by hand with --force if that is meant');
    expect(vigia('add', '0.0.0.0/0', '--for', '1h', '--force').status).toBe(0);
    expect(reaches()).toBe(true);
    expect(statSync(join(folder, 'control.sock')).mode & 0o777).toBe(0o600);
    const nobody = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      VIGIA,
      'block',
      'list',
      '--spool',
      folder,
    ];
    sh('chmod', '755', folder);
    expect(spawnSync('setpriv', nobody, { encoding: 'utf8' }).stderr).toContain(
      'only root and the user of the collector may ask',
    );
    await stopped();
    expect(error('list')).toContain('no collector that watches an interface');
  });

  it('says what to do where another program has the XDP hook', async () => {
    await collecting('--block-at', 'xdp');
    const args = ['collect', '--to', edge.url, '--source', `ebpf:${link.near}`, '--spool', join(folder, 'second')];
    const second = spawnSync(process.execPath, [VIGIA, ...args, '--block-at', 'xdp'], { encoding: 'utf8' });
    expect(second.status).not.toBe(0);
    expect(second.stderr).toMatch(/XDP hook: another XDP program is there.*Set block-at = \\?"tcx/);
  });

  it('is there once a reload brings the first interface', async () => {
    const [config, logins] = [join(folder, 'collector.toml'), join(folder, 'auth.log')];
    writeFileSync(logins, '');
    const settings = (...sources: string[]): void =>
      writeFileSync(config, `to = "${edge.url}"\nsource = ${JSON.stringify(sources)}\nspool = "${folder}"\n`);
    settings(`auth:${logins}`);
    const running = spawn(process.execPath, [VIGIA, 'collect', '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    collector = running;
    let said = '';
    running.stderr.on('data', (chunk) => (said += chunk));
    await until('a start', () => said.includes('"event":"started"'));
    expect(vigia('list').stderr).toContain('no collector that watches an interface');
    settings(`auth:${logins}`, `ebpf:${link.near}`);
    running.kill('SIGHUP');
    await until('a reload', () => said.includes('"event":"reloaded"'));
    expect(vigia('list').stdout).toContain(`${NEAR_ADDRESS} (own address)`);
    expect(vigia('add', FAR_ADDRESS, '--for', '1s').status).toBe(0);
    await until('what is over goes', () => vigia('list').stdout.includes('nothing is blocked'));
    vigia('add', FAR_ADDRESS, '--for', '2h');
    await until('a block', () => !reaches());
  });

  it('a verdict is only counted in a dry run, and dropped where that is wanted', async () => {
    edge.usual = accuses;
    await collecting();
    await until('a dry block', () => vigia('list', '--json').stdout.includes(FAR_ADDRESS));
    expect(reaches()).toBe(true);
    expect(vigia('list').stdout).toMatch(/10\.213\.7\.2 .*would have dropped [1-9]/);
    await stopped();
    expect(await log).toContain('"event":"would_block"');
    edge.posts.splice(0);
    await collecting('--block', 'enforce', '--keep-blocks');
    await until('a block', () => !reaches());
    await stopped();
    expect(reaches()).toBe(true);
    expect(readFileSync(join(folder, 'blocks.json'), 'utf8')).toContain(FAR_ADDRESS);
    edge.usual = stores;
    edge.posts.splice(0);
    await collecting('--block', 'enforce', '--keep-blocks');
    expect(reaches()).toBe(false);
  });

  it('a verdict against an allowed address is refused, and said', async () => {
    edge.usual = accuses;
    await collecting('--block', 'enforce', '--allow', '10.213.7.0/24');
    await until('posts', () => edge.posts.length > 2);
    expect(reaches()).toBe(true);
    await stopped();
    expect(await log).toContain('"refusal":"allowed"');
  });
});
