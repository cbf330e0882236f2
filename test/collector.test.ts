/** The collector as a process: ended by its source, by SIGTERM, by kill -9, by a broken input; nothing lost on the way. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../collector/config.ts';
import { openSource } from '../collector/sources/open-source.ts';
import { SourceError } from '../collector/sources/source.ts';
import { frameOf, writePcap } from './capture-writer.ts';
import { EdgeStandIn, hangs, resets, stores, until } from './edge-stand-in.ts';
import { made } from './made-windows.ts';

const UNIT = new URL('../infra/vigia-collector.service', import.meta.url);

let folder: string;
let edge: EdgeStandIn;
const children: ChildProcessWithoutNullStreams[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-collector-'));
  edge = await EdgeStandIn.start();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await edge.stop();
  rmSync(folder, { recursive: true });
});

/** The command alone, without the rest of `vigia`. */
const RUNNER = `
  import { Command } from 'commander';
  import { reportAndExit } from './cli/report-error.ts';
  const [name, ...rest] = process.argv.slice(1);
  const { register } = await import('./cli/commands/' + name + '.ts');
  const program = new Command('vigia');
  register(program);
  await program.parseAsync([name, ...rest], { from: 'user' }).catch(reportAndExit);
`;

interface Run {
  child: ChildProcessWithoutNullStreams;
  stdout: () => string;
  stderr: () => string;
  exit: Promise<[number | null, string | null]>;
}

const run = (...args: string[]): Run => runIn({}, ...args);

function runIn(environment: Record<string, string>, ...args: string[]): Run {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const child = spawn(process.execPath, ['--input-type=module', '-e', RUNNER, ...args], {
    cwd,
    env: { ...process.env, ...environment },
  });
  children.push(child);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (text.stdout += chunk));
  child.stderr.on('data', (chunk) => (text.stderr += chunk));
  const exit = once(child, 'close') as Promise<[number | null, string | null]>;
  return { child, stdout: () => text.stdout, stderr: () => text.stderr, exit };
}

const collect = (source: string): Run =>
  run('collect', '--to', edge.url, '--source', source, '--spool', join(folder, 'spool'), '--host', 'web-1');

/** Sends windows to `windows:-`. */
function feed({ child }: Run, from: number, to: number): void {
  for (let i = from; i < to; i++) child.stdin.write(`${JSON.stringify(made(i))}\n`);
}

const ids = (to: number): string[] => Array.from({ length: to }, (_, i) => made(i).id);
const sorted = (list: Iterable<string>): string[] => [...list].sort();

const START_US = 1_700_000_000e6;
const capture = (seconds: number): Buffer =>
  writePcap(
    Array.from({ length: seconds }, (_, i) => ({
      time_us: START_US + i * 1e6,
      bytes: frameOf('192.0.2.1', '192.0.2.2'),
    })),
  );

describe('vigia collect', () => {
  it('posts every window of a capture and exits with 0', async () => {
    const file = join(folder, 'whole.pcap');
    writeFileSync(file, capture(300));
    const { exit, stderr } = collect(`pcap:${file}`);
    expect(await exit).toEqual([0, null]);
    const windows = edge.stored.flatMap((post) => post.windows);
    expect(windows).toHaveLength(300);
    expect(windows[0]).toMatchObject({ host: 'web-1', group: 'default', interface: 'whole.pcap', packets: 1 });
    expect(stderr()).toMatch(/"event":"stopped".*"posted_windows":300/);
  });

  it('posts the windows before the cut of a truncated capture, and exits with 2 and the byte', async () => {
    const file = join(folder, 'cut.pcap');
    const whole = capture(10);
    writeFileSync(file, whole.subarray(0, whole.length - 5));
    const { exit, stderr } = collect(`pcap:${file}`);
    expect(await exit).toEqual([2, null]);
    expect(edge.storedIds).toHaveLength(9);
    expect(stderr()).toContain(`at byte ${whole.length - 5}: the capture is cut`);
  });

  it('on SIGTERM posts what it has and exits with 0', async () => {
    const running = collect('windows:-');
    feed(running, 0, 5);
    await until('the first post', () => edge.stored.length > 0);
    feed(running, 5, 8);
    await new Promise((resolve) => setTimeout(resolve, 300));
    running.child.kill('SIGTERM');
    expect(await running.exit).toEqual([0, null]);
    expect(sorted(edge.storedIds)).toEqual(sorted(ids(8)));
  });

  it('on SIGTERM with the edge away leaves what it has in the spool, and the next run posts it once', async () => {
    edge.usual = hangs;
    const running = collect('windows:-');
    feed(running, 0, 5);
    await until('a try', () => edge.posts.length > 0);
    running.child.kill('SIGTERM');
    expect(await running.exit).toEqual([0, null]);
    edge.usual = stores;
    const next = collect('windows:-');
    next.child.stdin.end();
    expect(await next.exit).toEqual([0, null]);
    expect(edge.storedIds).toEqual(ids(5));
    expect(edge.stored[0]?.headers['idempotency-key']).toBe(edge.posts[0]?.headers['idempotency-key']);
  });

  it('killed with -9 at any moment loses no window that it was given, and posts none under two keys', async () => {
    edge.usual = resets;
    for (let round = 0; round < 3; round++) {
      const running = collect('windows:-');
      feed(running, round * 40, round * 40 + 40);
      await until('a try', () => edge.posts.length > round * 2);
      await until('all of them in the spool', () => running.stderr().includes('edge_unreachable'));
      await new Promise((resolve) => setTimeout(resolve, 200));
      running.child.kill('SIGKILL');
      expect(await running.exit).toEqual([null, 'SIGKILL']);
    }
    edge.usual = stores;
    const last = collect('windows:-');
    last.child.stdin.end();
    expect(await last.exit).toEqual([0, null]);
    expect(edge.storedIds).toEqual(ids(120));
    const keys = new Map<string, Set<string>>();
    for (const { windows, headers } of edge.posts)
      for (const { id } of windows) keys.set(id, (keys.get(id) ?? new Set()).add(String(headers['idempotency-key'])));
    for (const used of keys.values()) expect(used.size).toBe(1);
  });

  it('posts with the token that systemd hands it, unless a file is named', async () => {
    writeFileSync(join(folder, 'token'), 'from-systemd\n');
    writeFileSync(join(folder, 'named'), 'from-file\n');
    const args = ['collect', '--to', edge.url, '--source', 'windows:-', '--spool', join(folder, 'spool')];
    for (const more of [[], ['--token-file', join(folder, 'named')]]) {
      const running = runIn({ CREDENTIALS_DIRECTORY: folder }, ...args, ...more);
      feed(running, 0, 1);
      running.child.stdin.end();
      expect(await running.exit).toEqual([0, null]);
    }
    expect(edge.posts.map(({ headers }) => headers.authorization)).toEqual(['Bearer from-systemd', 'Bearer from-file']);
    expect(readFileSync(UNIT, 'utf8')).toContain('\nLoadCredential=token:/etc/vigia/token\n');
  });

  it('is not started with an authority that is none, and says what is expected', async () => {
    const { exit, stderr } = run('collect', '--to', edge.url, '--source', 'windows:-', '--ca', '/dev/null');
    expect(await exit).toEqual([2, null]);
    expect(stderr()).toMatch(/--ca \(VIGIA_CA\): \/dev\/null holds no certificate; name a file of PEM/);
  });

  it('with a bad window posts those before it, and exits with 2, line and field', async () => {
    const running = collect('windows:-');
    feed(running, 0, 3);
    running.child.stdin.end('{"id":"x","host":7}\n');
    expect(await running.exit).toEqual([2, null]);
    expect(edge.storedIds).toEqual(ids(3));
    expect(running.stderr()).toMatch(/vigia: windows:-: line 4, host: /);
  });
});

describe('vigia windows', () => {
  it('prints windows, and where the capture is cut exits with 2 after them', async () => {
    const file = join(folder, 'cut.pcap');
    writeFileSync(file, capture(10).subarray(0, -5));
    const { exit, stdout, stderr } = run('windows', file);
    expect(await exit).toEqual([2, null]);
    expect(stdout().trim().split('\n')).toHaveLength(9);
    expect(stderr()).toContain('the capture is cut');
  });

  it('takes period, direction, host and group from its options', async () => {
    const file = join(folder, 'whole.pcap');
    writeFileSync(file, capture(3));
    const { exit, stdout } = run(
      'windows',
      file,
      '--period-ms',
      '500',
      '--local',
      '10.0.0.0/8,192.0.2.1',
      '--host',
      'web-1',
      '--group',
      'web',
    );
    expect(await exit).toEqual([0, null]);
    const windows = stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(windows).toHaveLength(5);
    expect(windows[0]).toMatchObject({
      host: 'web-1',
      group: 'web',
      duration_s: 0.5,
      packets_per_second: 2,
      bytes_in_per_second: 0,
    });
    expect(windows[0].bytes_out_per_second).toBe(2 * windows[0].bytes);
  });

  it('ends quietly where nobody reads on', async () => {
    const file = join(folder, 'long.pcap');
    writeFileSync(file, capture(5000));
    const { child, exit, stderr } = run('windows', file);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect([await exit, stderr()]).toEqual([[0, null], '']);
  });
});

describe('settings', () => {
  it.each([
    [{ to: 'ftp://edge', source: ['pcap:x'] }, /--to \(VIGIA_TO\): must be an address/],
    [{ source: ['pcap:x'] }, /--to \(VIGIA_TO\)/],
    [{ to: 'http://edge', source: [] }, /--source \(VIGIA_SOURCE\): name at least one/],
    [{ to: 'http://edge', source: ['pcap:x'], host: 'a b' }, /--host \(VIGIA_HOST\): must start with/],
    [{ to: 'http://edge', source: ['pcap:x'], periodMs: 5 }, /--period-ms: /],
  ])('that are wrong are named (%#)', (options, message) => {
    expect(() => readConfig(options, {})).toThrow(ConfigError);
    expect(() => readConfig(options, {})).toThrow(message);
  });

  it('come from the environment where no option is given', () => {
    const environment = {
      VIGIA_TO: 'http://edge',
      VIGIA_HOST: 'web-7',
      VIGIA_GROUP: 'web',
      VIGIA_SPOOL_DIR: '/s',
      VIGIA_TOKEN_FILE: '/t',
      VIGIA_CA: '/c',
      HTTPS_PROXY: 'http://proxy:3128',
      no_proxy: 'local',
      VIGIA_SOURCE: 'ebpf:eth0  auth:/a',
    };
    expect(readConfig({ source: ['pcap:x'], group: 'db' }, environment)).toMatchObject({
      to: 'http://edge',
      host: 'web-7',
      group: 'db',
      spoolDir: '/s',
      tokenFile: '/t',
      caFile: '/c',
      proxies: { HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'local' },
    });
    expect(
      readConfig({}, { ...environment, VIGIA_TOKEN_FILE: undefined, CREDENTIALS_DIRECTORY: '/n' }).tokenFile,
    ).toBeNull();
    expect(readConfig({}, environment).sources).toEqual(['ebpf:eth0', 'auth:/a']);
  });

  it.each([
    ['pcap:', /names no interface or file/],
    ['eth0', /names no interface or file|is no kind of source/],
    ['tap:eth0', /is no kind of source/],
    ['pcap:-:', /gives stdin a name .* begins with a letter or digit/],
    ['pcap:-:eth 0', /gives stdin a name .* begins with a letter or digit/],
  ])('refuse the source %s', (spec, message) => {
    const open = () =>
      openSource(spec, { host: 'h', group: 'g', period_ms: 1000, local: [], accounts: [], spoolDir: 'none' });
    expect(open).toThrow(SourceError);
    expect(open).toThrow(message);
  });
});
