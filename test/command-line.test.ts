/** The `vigia` command as a user types it: training, judging and classifying without a server, tokens, help and mistakes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../contract/manifest.ts';
import { result } from '../contract/result.ts';
import { normalWindows } from './fitted-models.ts';

const VIGIA = fileURLToPath(new URL('../cli/vigia.ts', import.meta.url));

let folder: string;
const at = (name: string): string => join(folder, name);

function vigia(
  args: string[],
  input = '',
  env: Record<string, string> = {},
): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VIGIA, ...args], {
    cwd: folder,
    input,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

const windows = normalWindows(300, 4);
const scan = {
  ...windows[0],
  id: 'scan',
  packets_per_second: 3000,
  unique_ports: 700,
  start: '2030-01-01T00:00:00.000Z',
};
const ndjson = (list: object[]): string => `${list.map((window) => JSON.stringify(window)).join('\n')}\n`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-command-'));
  writeFileSync(at('normal.ndjson'), ndjson(windows));
  writeFileSync(at('shuffled.ndjson'), ndjson(windows.toReversed()));
  writeFileSync(at('scan.ndjson'), ndjson([...windows.slice(0, 20), scan]));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('vigia train', () => {
  it('writes the same bytes for the same windows and seed, in whatever order they come', () => {
    for (const [file, out] of [
      ['normal', 'one'],
      ['normal', 'two'],
      ['shuffled', 'three'],
    ]) {
      const { code, stderr } = vigia(['train', '--windows', `${file}.ndjson`, '--out', `${out}`, '--seed', '5']);
      expect(code, stderr).toBe(0);
    }
    const files = readdirSync(at('one')).sort();
    expect(files).toEqual(['dbscan.onnx', 'manifest.json', 'vae.onnx', 'zmad.onnx']);
    for (const other of ['two', 'three']) {
      for (const file of files) {
        expect(
          readFileSync(join(at(other), file)).equals(readFileSync(join(at('one'), file))),
          `${other}/${file}`,
        ).toBe(true);
      }
    }
    expect(manifest.parse(JSON.parse(readFileSync(join(at('one'), 'manifest.json'), 'utf8'))).seed).toBe(5);
  });

  it('another seed gives another temporal model', () => {
    expect(vigia(['train', '--windows', 'normal.ndjson', '--out', 'other', '--seed', '6']).code).toBe(0);
    expect(readFileSync(at('other/vae.onnx')).equals(readFileSync(at('one/vae.onnx')))).toBe(false);
  });

  it('says how many windows it needs', () => {
    writeFileSync(at('few.ndjson'), ndjson(windows.slice(0, 12)));
    const { code, stderr } = vigia(['train', '--windows', 'few.ndjson', '--out', 'none']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/has 12 windows .* needs at least 30/);
  });

  it('does not learn an attack that is in its file, and says so', () => {
    const attack = Array.from({ length: 20 }, (_, i) => ({
      ...windows[150 + i],
      packets_per_second: 3000,
      unique_ports: 700,
    }));
    writeFileSync(at('attacked.ndjson'), ndjson([...windows.slice(0, 150), ...attack, ...windows.slice(170)]));
    const { code, stderr } = vigia(['train', '--windows', 'attacked.ndjson', '--out', 'attacked']);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/40 of 300 windows left out/);
    const { baseline } = manifest.parse(JSON.parse(readFileSync(at('attacked/manifest.json'), 'utf8')));
    expect(baseline.find(({ feature }) => feature === 'unique_ports')?.extreme).toBeLessThan(20);
  });

  it('a model of an earlier training does not stay in the folder', () => {
    writeFileSync(at('short.ndjson'), ndjson(windows.slice(0, 60)));
    expect(vigia(['train', '--windows', 'short.ndjson', '--out', 'attacked']).code).toBe(0);
    expect(readdirSync(at('attacked')).sort()).toEqual(['dbscan.onnx', 'manifest.json', 'zmad.onnx']);
  });

  it('--recalibrate takes the models of a folder as they are, with p-values from other windows', () => {
    const args = ['train', '--recalibrate', 'one', '--windows', 'normal.ndjson', '--out', 'recalibrated'];
    const { code, stdout, stderr } = vigia(args);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/spatial: dbscan\.onnx, \d+ bytes, calibrated on 300/);
    const bytes = (folder: string): Buffer => readFileSync(at(`${folder}/vae.onnx`));
    expect(bytes('recalibrated').equals(bytes('one'))).toBe(true);
    expect(vigia(['detect', 'normal.ndjson', '--models', 'recalibrated'])).toMatchObject({ code: 0 });
  });

  it('names the line and the field of a bad window, and leaves nothing behind', () => {
    writeFileSync(at('bad.ndjson'), ndjson([windows[0] ?? {}, { ...windows[1], unique_ports: -1 }]));
    const { code, stderr } = vigia(['train', '--windows', 'bad.ndjson', '--out', 'none']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/line 2, unique_ports/);
    expect(() => readdirSync(at('none'))).toThrow();
  });
});

describe('vigia detect', () => {
  it('exits with 0 where nothing is found, by rules and models', () => {
    const { code, stdout, stderr } = vigia(['detect', 'normal.ndjson', '--models', 'one']);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/300 windows, 0 with threats.*rules and models \d{8}T/);
  });

  it('exits with 1 and names the threat, with and without models', () => {
    for (const models of [[], ['--models', 'one']]) {
      const { code, stdout } = vigia(['detect', 'scan.ndjson', ...models]);
      expect(code).toBe(1);
      expect(stdout).toMatch(/2030-01-01 00:00:00.000 .*critical +port_scan/);
      expect(stdout).toMatch(/21 windows, 1 with threats \(port_scan 1\)/);
    }
  });

  it('--json prints one result of the contract a window', () => {
    const { stdout } = vigia(['detect', 'scan.ndjson', '--json', '--models', 'one']);
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => result.parse(JSON.parse(line)));
    expect(results.map(({ threat_detected }) => threat_detected)).toEqual([
      ...Array.from({ length: 20 }, () => false),
      true,
    ]);
  });

  it('exits with 2 for a file that is not there, one that is no capture, and models that were tampered with', () => {
    expect(vigia(['detect', 'nowhere.pcap'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/nowhere\.pcap/),
    });
    writeFileSync(at('noise.pcap'), 'this is no capture at all');
    expect(vigia(['detect', 'noise.pcap'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/capture/) });
    const onnx = readFileSync(at('other/zmad.onnx'));
    writeFileSync(at('other/zmad.onnx'), onnx.subarray(0, onnx.length - 8));
    expect(vigia(['detect', 'normal.ndjson', '--models', 'other'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/zmad\.onnx has SHA-256/),
    });
  });
});

describe('vigia classify', () => {
  it('tells strings apart, one a line', () => {
    const { code, stdout } = vigia(['classify'], 'j.smith\nls -la\n');
    expect(code).toBe(0);
    expect(stdout).toMatch(/username +[\d.]+ +j\.smith\ncommand +[\d.]+ +ls -la/);
  });

  it('lets no string steer the terminal', () => {
    const { stdout } = vigia(['classify'], 'a\u001b[2Jb\u009b31m\u202ec\n');
    expect(stdout).toContain('a\ufffd[2Jb\ufffd31m\ufffdc\n');
  });

  it('--json does not repeat the string', () => {
    const { stdout } = vigia(['classify', '--json'], 'hunter2secret\n');
    expect(JSON.parse(stdout)).toHaveProperty('predicted_type');
    expect(stdout).not.toContain('hunter2');
  });
});

describe('vigia token', () => {
  it('signs scopes, host and group with the key', async () => {
    const key = 'a-key-of-more-than-thirty-two-characters';
    writeFileSync(at('token.key'), `${key}\n`);
    const { stdout } = vigia([
      'token',
      'create',
      '--key-file',
      'token.key',
      '--scope',
      'ingest,read',
      '--host',
      'web-1',
      '--group',
      'web',
    ]);
    const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(key));
    expect(payload).toMatchObject({ scope: 'ingest read', host: 'web-1', group: 'web' });
  });

  it('refuses a short key and says how to make one', () => {
    writeFileSync(at('short.key'), 'secret');
    expect(vigia(['token', 'create', '--key-file', 'short.key'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/openssl rand/),
    });
  });
});

describe('help', () => {
  it.each([
    'up',
    'collect',
    'windows',
    'detect',
    'train',
    'classify',
    'drill',
  ])('vigia %s --help has an example', (command) => {
    const { code, stdout } = vigia([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n.*vigia ${command}`, 's'));
  });

  it('storage that is set by half is told before anything starts', () => {
    const env = { STORAGE_S3_ENDPOINT: 'https://s3.example.com', STORAGE_S3_ACCESS_KEY_ID: 'id' };
    expect(vigia(['up', '--port', '8799', '--no-collector'], '', env)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/STORAGE_S3_BUCKET: is missing/),
    });
  });

  it('an unknown command or option exits with 2', () => {
    expect(vigia(['frobnicate'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/unknown command/) });
    expect(vigia(['up', '--port', 'eighty'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/must be a port/),
    });
    expect(vigia(['drill', 'heist'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there is no drill heist/),
    });
  });
});

it('the single executable has every command, or says where it is', () => {
  const entry = fileURLToPath(new URL('../cli/executable.ts', import.meta.url));
  const run = (...args: string[]) => spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8' });
  const files = readdirSync(new URL('../cli/commands', import.meta.url)).map((file) => file.replace(/\.ts$/, ''));
  const here = [...run('--help').stdout.matchAll(/^ {2}(\w+) /gm)].map(([, name = '']) => name);
  expect(here).toContain('collect');
  const others = files.filter((name) => !here.includes(name));
  expect(others).toContain('incidents');
  for (const name of others) {
    const { status, stderr } = run(name, 'list', '--json');
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining(`vigia ${name} is not in the single executable: use the npm package`),
    });
  }
});

describe('vigia explain', () => {
  it('shows the way from a window to its verdict: features, every rule, each model, the consensus', () => {
    const { code, stdout } = vigia(['explain', '--models', at('one')], ndjson(windows.slice(0, 12)));
    expect(code).toBe(0);
    expect(stdout).toMatch(/read as a network window: demo:4:11 .* with 11 windows before it/);
    expect(stdout).toMatch(/packets_per_second +[\d.,]+ +-?[\d.]+ +log1p, centre .* normal here/);
    expect(stdout).toMatch(/qos_degradation +silent/);
    for (const model of ['spatial', 'temporal', 'statistical'])
      expect(stdout).toMatch(new RegExp(`${model}: raw .*; p \\d.*; score 0\\.`));
    expect(stdout).toMatch(/unexpected by window, the judged one last:( \d+ %){10}/);
    expect(stdout).toMatch(/consensus: score 0\..*\n.*Cauchy/);
    expect(stdout).toMatch(/verdict: no threat/);
  });

  it('says which rule fires and why, also without models', () => {
    const { stdout } = vigia(['explain'], '{"packets_per_second": 1200, "unique_ports": 50}');
    expect(stdout).toMatch(/port_scan +fires, confidence 0\.9 .*unique_ports 50.*unique_ports > 20/);
    expect(stdout).toMatch(/spatial: silent; this group has no model yet/);
    expect(stdout).toMatch(/verdict: port_scan; level critical/);
  });

  it('names the field that is wrong', () => {
    expect(vigia(['explain'], '{"packets_per_second": -1}')).toMatchObject({ code: 2 });
    expect(vigia(['explain'], '{"packets_per_second": -1}').stderr).toMatch(/line 1, packets_per_second/);
    expect(vigia(['explain'], '').stderr).toMatch(/no window to explain/);
  });
});
