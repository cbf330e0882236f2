/** What `npm run package` makes: built twice, installed, run and removed, as a user would. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { CAPTURES, missing, named } from './ebpf-machine.ts';
import { EdgeStandIn, until } from './edge-stand-in.ts';
import { normalWindows } from './fitted-models.ts';
import { HANDED_IN, MachineCopy } from './machine-copy.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const SCAN = join(CAPTURES, 'scan/ndpi__synscan.pcap');
const TARBALL = `vigia-${packageJson.version}.tgz`;
const DEB = `vigia-collector_${packageJson.version}_amd64.deb`;
/** Much is compressed and written. */
const BUILD_WITHIN_MS = 240_000;
const OURS = ['/usr/bin/vigia', '/usr/lib/vigia', '/usr/share/doc/vigia-collector', '/etc/vigia', '/var/lib/vigia'];
const reason = missing('unshare', 'nsenter', 'setpriv', 'dpkg', 'systemd-analyze');

let folder: string;
const at = (name: string): string => join(folder, name);

/** Commands, and where each of them runs. */
const CLONE = [process.execPath, join(root, 'cli/vigia.ts')];
const installed = (): string[] => [at('prefix/node_modules/.bin/vigia')];
const executable = (): string[] => [at('one/vigia')];

const environment = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };

function run([program = '', ...first]: string[], ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(program, [...first, ...args], {
    cwd: folder,
    env: environment,
    input: '',
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return { code: status, stdout, stderr };
}

/** Under a umask of its own, which must not show in what is built. */
async function build(out: string, umask: string): Promise<void> {
  const command = `umask ${umask}; exec "$0" packaging/build.ts "$1"`;
  const child = spawn('sh', ['-c', command, process.execPath, at(out)], { cwd: root, env: environment });
  const [, said, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  expect(code, said).toBe(0);
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-packages-'));
  mkdirSync(at('prefix'));
  writeFileSync(
    at('normal.ndjson'),
    `${normalWindows(300, 4)
      .map((window) => JSON.stringify(window))
      .join('\n')}\n`,
  );
  await Promise.all([build('one', '022'), build('two', '077')]);
}, BUILD_WITHIN_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([TARBALL, 'vigia', DEB])('%s is the same to the byte when it is built again', (name) => {
  expect(sha256(at(`two/${name}`))).toBe(sha256(at(`one/${name}`)));
});

describe('the npm package', () => {
  beforeAll(() => {
    const options = ['--prefix', at('prefix'), '--prefer-offline', '--no-audit', '--no-fund'];
    const { code, stderr } = run(['npm', 'install', ...options, at(`one/${TARBALL}`)]);
    expect(code, stderr).toBe(0);
  }, BUILD_WITHIN_MS);

  const inside = (path: string): string => at(`prefix/node_modules/vigia/${path}`);

  it('holds no TypeScript, and cannot be published by mistake', () => {
    expect(globSync('**/*.js', { cwd: inside('cli') }).length).toBeGreaterThan(30);
    expect(globSync('**/*.ts', { cwd: inside('.'), exclude: ['node_modules'] })).toEqual([]);
    expect(JSON.parse(readFileSync(inside('package.json'), 'utf8'))).toMatchObject({ private: true, os: ['linux'] });
  });

  it('brings the versions that were tested', () => {
    for (const name of Object.keys(packageJson.dependencies)) {
      const version = (base: string): string =>
        JSON.parse(readFileSync(join(base, 'node_modules', name, 'package.json'), 'utf8')).version;
      expect(version(at('prefix')), name).toBe(version(root));
    }
  });

  it('says its version, and that Node is too old where it is', () => {
    expect(run(installed(), '--version').stdout).toBe(`${packageJson.version}\n`);
    const older = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.1.0' } })";
    const { code, stderr } = run([process.execPath, '--import', `data:text/javascript,${older}`, ...installed()]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/needs Node 24 or later, this is 22\.1\.0/);
  });

  it('trains on tfjs, and judges by what it trained', () => {
    const { code, stderr } = run(installed(), 'train', '--windows', 'normal.ndjson', '--out', 'models');
    expect(code, stderr).toBe(0);
    const judge = ['detect', '--models', 'models', '--json', 'normal.ndjson'];
    expect(run(installed(), ...judge)).toMatchObject({ code: 0, stdout: run(CLONE, ...judge).stdout });
  });

  it('serves: the Workers are bundled from its own files', async () => {
    const { PATH } = environment;
    const edge = spawn(installed()[0] ?? '', ['up', '--no-collector', '--port', '0', '--state', at('state')], {
      env: { PATH, HOME: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = await once(createInterface({ input: edge.stdout }), 'line');
      const [, url] = /^ready (http\S+)$/.exec(line) ?? [];
      const response = await fetch(`${url}/detect`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"packets_per_second": 1200, "unique_ports": 50}',
      });
      expect(await response.text()).toContain('port_scan');
    } finally {
      await ended(edge);
    }
  });
});

describe('the single executable', () => {
  it('says its version, and which commands are elsewhere', () => {
    expect(run(executable(), '--version').stdout).toBe(`${packageJson.version}\n`);
    expect(run(executable(), 'up', '--port', '0')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('vigia up is not in the single executable'),
    });
  });

  it.each([
    ['windows', SCAN],
    ['detect', '--json', SCAN],
    ['detect', join(CAPTURES, 'bruteforce/zeek__bruteforce.pcap')],
  ])('vigia %s answers as in a clone and in the npm package', (...args) => {
    const { code, stdout } = run(CLONE, ...args);
    expect(stdout.length).toBeGreaterThan(100);
    expect(run(executable(), ...args)).toMatchObject({ code, stdout });
    expect(run(installed(), ...args)).toMatchObject({ code, stdout });
  });

  it('reads logs of logins', () => {
    const windows = (command: string[]): number => {
      const { code, stdout } = run(command, 'auth', join(CAPTURES, '../auth/openssh-1k.log'));
      return code === 0 ? stdout.split('\n').length : 0;
    };
    expect(windows(CLONE)).toBeGreaterThan(100);
    expect(windows(executable())).toBe(windows(CLONE));
  });

  it('judges by models, with the runtime inside it', () => {
    const judge = ['detect', '--models', 'models', '--json', 'normal.ndjson'];
    expect(run(executable(), ...judge)).toMatchObject({ code: 0, stdout: run(CLONE, ...judge).stdout });
  });
});

describe.skipIf(reason !== '')(named('on a host', reason), () => {
  let machine: MachineCopy;
  beforeAll(async () => {
    machine = await MachineCopy.make(at('one'));
  });
  afterAll(async () => await machine?.remove());

  /** But for dpkg's own notes. */
  const left = (): string[] => machine.written().filter((file) => !/^\/var\/(lib\/dpkg|log\/dpkg\.log)/.test(file));
  const DOCTOR = 'doctor --source ebpf:lo --spool /var/tmp/spool';

  it('the executable by itself loads its eBPF programs, and says what to do where /tmp holds no programs', () => {
    const refused = machine.run(`${HANDED_IN}/vigia ${DOCTOR}`);
    expect(refused).toMatchObject({
      code: 2,
      output: expect.stringMatching(/cannot be loaded from \/tmp.* set TMPDIR/),
    });
    const { code, output } = machine.run(`TMPDIR=/var/tmp ${HANDED_IN}/vigia ${DOCTOR}; ls -A /tmp /var/tmp/vigia-*`);
    expect(output).toMatch(/^ok +ebpf:lo +the programs load and attach/m);
    expect(output).not.toContain('koffi.node');
    expect(code).not.toBe(0); // of ls: nothing is left of the extracted file
  });

  it('dpkg installs the package; its unit is sound, and neither enabled nor started', () => {
    expect(machine.run(`dpkg -i ${HANDED_IN}/${DEB}`)).toMatchObject({ code: 0 });
    expect(machine.run('dpkg -V vigia-collector')).toEqual({ code: 0, output: '' });
    expect(machine.run('stat -c %a:%U /etc/vigia/collector.env').output).toBe('640:root\n');
    expect(machine.run('systemd-analyze verify vigia-collector.service')).toEqual({ code: 0, output: '' });
    expect(left().filter((file) => file.startsWith('/etc/systemd'))).toEqual([]);
  });

  it('what the unit runs posts windows of eBPF with its token, with the privileges of the unit and no more', async () => {
    const edge = await EdgeStandIn.start();
    const unit = machine.run('cat /usr/lib/systemd/system/vigia-collector.service').output;
    const field = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
    const capabilities = field('AmbientCapabilities').toLowerCase().replaceAll('cap_', '+').replaceAll(' ', ',');
    const set = ['inh-caps', 'ambient-caps', 'bounding-set'].map((kind) => `--${kind}=-all,${capabilities}`).join(' ');
    machine.run(`mkdir -p /run/c /var/lib/vigia; chown nobody /run/c /var/lib/vigia
      echo a.b.c > /etc/vigia/token; install -o nobody -m 400 /etc/vigia/token /run/c/token
      printf 'VIGIA_TO=${edge.url}\\nVIGIA_SOURCE=ebpf:lo\\n' >> /etc/vigia/collector.env`);
    const collector =
      machine.start(`set -ae; . ${field('EnvironmentFile').replace(/^-/, '')}; CREDENTIALS_DIRECTORY=/run/c
      exec setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs ${set} \
        ${field('ExecStart').replaceAll('%d', '/run/c')}`);
    const log = text(collector.stderr);
    try {
      await until('a window of lo', () =>
        edge.stored.some(({ windows }) => windows.some(({ packets }) => Number(packets) > 0)),
      );
      expect(edge.stored[0]?.headers.authorization).toBe('Bearer a.b.c');
    } finally {
      expect(await ended(collector), await log).toBe(0);
      await edge.stop();
    }
  });

  it('nothing but settings, token and spool stays when it is removed, and nothing at all when it is purged', () => {
    expect(machine.run('systemctl enable vigia-collector').output).toContain('Created symlink');
    expect(machine.run('dpkg -r vigia-collector').code).toBe(0);
    const kept = left().filter((file) => !file.startsWith('/var/lib/vigia/'));
    expect(kept).toEqual(['/etc/vigia/collector.env', '/etc/vigia/token']);
    expect(machine.run('dpkg -P vigia-collector').code).toBe(0);
    expect(left()).toEqual([]);
    expect(machine.run(`ls -d ${OURS.join(' ')} 2>/dev/null`).output).toBe('');
  });
});

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  return child.exitCode;
}
