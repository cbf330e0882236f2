/** The README and the collector's page are true: every command in them is checked here, and a new one fails until it is. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfigWithFile } from '../collector/config.ts';
import packageJson from '../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENTS = ['README.md', 'docs/collector.md'];
const readme = DOCUMENTS.map((path) => readFileSync(join(root, path), 'utf8')).join('\n');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.trim())
  .filter((line) => line !== '');

function run(command: string, args: string[], cwd = root): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  expect(`${command} ${args.join(' ')}: exit ${status} ${status === 0 ? '' : stderr}`).toMatch(/exit 0/);
  return stdout + stderr;
}

/** A deployment is built and checked as far as it can be without an account. */
const dryRun = (...args: string[]): string => {
  const out = mkdtempSync(join(tmpdir(), 'vigia-deploy-'));
  try {
    return run(bin('wrangler'), ['deploy', ...args, '--dry-run', '--outdir', out]);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
};

/** Wrangler's own commands need an account: that they exist with these arguments is what can be seen here. */
const wranglerKnows = (...words: string[]): void => {
  expect(run(bin('wrangler'), [...words, '--help'])).toContain(words.join(' '));
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-readme-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const unit = (): string => readFileSync(join(root, 'infra/vigia-collector.service'), 'utf8');

/** A line of the README, or the beginning of one → what shows that it is true. */
const CHECKS: [RegExp, (line: string) => void][] = [
  [/^npm (start|test|run bench|run package)$/, (line) => scripted(line)],
  [/^curl -X POST http:\/\/127\.0\.0\.1:8787\/detect/, coveredBy('the README example is a port scan', 'judge.test.ts')],
  [/^curl -X POST http:\/\/127\.0\.0\.1:8787\/train$/, coveredBy("ask('/train', '-X', 'POST')", 'end-to-end.test.ts')],
  [/^sudo npx vigia drill port-scan$/, () => expect(run(bin('vigia'), ['drill', '--help'])).toContain('port-scan')],
  [/^npx vigia --help$/, () => expect(run(bin('vigia'), ['--help'])).toContain('drill')],
  [/npx vigia up$/, () => expect(run(bin('vigia'), ['up', '--help'])).toContain('--webhook')],
  [/^npx wrangler login$/, () => wranglerKnows('login')],
  [/^npx wrangler r2 bucket create vigia$/, () => wranglerKnows('r2', 'bucket', 'create')],
  [/^npx wrangler queues create vigia-(windows(-dead)?|trainings)$/, () => wranglerKnows('queues', 'create')],
  [/^openssl rand -base64 48 > token\.key$/, () => run('sh', ['-c', 'openssl rand -base64 48 > token.key'], folder)],
  [
    /^npx wrangler deploy --config functions\/(classify|train)\/wrangler\.toml$/,
    (line) => expect(dryRun('--config', line.split(' ').at(-1) ?? '')).toContain('dry-run'),
  ],
  [/^npx wrangler deploy$/, () => expect(dryRun()).toContain('dry-run')],
  [/^npx wrangler secret put \w+/, () => wranglerKnows('secret', 'put')],
  [
    /^npx vigia token create .* > (web-1|admin)\.token$/,
    (line) => run('sh', ['-c', line.replace('npx vigia', bin('vigia'))], folder),
  ],
  [
    /^npx vigia token revoke web-1\.token --to /,
    () => expect(run(bin('vigia'), ['token', 'revoke', '--help'])).toContain('--token-file'),
  ],
  [
    /^sudo apt install \.\/(?!dist)(\S+)$/,
    (line) => expect(line).toContain(`vigia-collector_${packageJson.version}_amd64.deb`),
  ],
  [/^sudoedit \/etc\/vigia\/collector\.toml$/, coveredBy('are settings that make sense', 'readme.test.ts')],
  [/^sudo vigia doctor$/, coveredBy("'doctor'", 'doctor.test.ts')],
  [/^sudo vigia collect --check$/, coveredBy("'--check'", 'service.test.ts')],
  [/^(systemctl status|journalctl -u) vigia-collector/, () => expect(unit()).toContain('[Service]')],
  [/^curl -s http:\/\/127\.0\.0\.1:9477\/(healthz|metrics)$/, coveredBy('/healthz', 'metrics.test.ts')],
  [/^sudo vigia block (list|add|remove|clear)/, (line) => blockKnows(line)],
  [/^sudo systemctl reload vigia-collector$/, () => expect(unit()).toContain('ExecReload=')],
  [/^sudo apt purge vigia-collector$/, coveredBy('when it is purged', 'packages.test.ts')],
  [
    /^sudo apt install \.\/dist\/(\S+)$/,
    (line) => expect(line).toContain(`/vigia-collector_${packageJson.version}_amd64.deb`),
  ],
  [/^sudo install -m 600 web-1\.token \/etc\/vigia\/token$/, coveredBy('/etc/vigia/token', 'packages.test.ts')],
  [/^sudoedit \/etc\/vigia\/collector\.env$/, coveredBy('>> /etc/vigia/collector.env', 'packages.test.ts')],
  [/^sudo git clone \. \/opt\/vigia$/, () => expect(unit()).toContain('/opt/vigia/cli/vigia.ts')],
  [/^cd \/opt\/vigia && sudo node setup\/setup\.mjs start$/, () => run('node', ['setup/setup.mjs', 'start'])],
  [/^sudo mkdir -p \/etc\/vigia$/, () => expect(unit()).toContain('/etc/vigia/')],
  [/^sudo cp web-1\.token \/etc\/vigia\/token$/, () => expect(unit()).toContain('token:/etc/vigia/token')],
  [
    /^sudo (cp infra\/collector\.toml|editor) \/etc\/vigia\/collector\.toml$/,
    coveredBy('the example is valid', 'service.test.ts'),
  ],
  [
    /^sudo cp infra\/vigia-collector\.service/,
    () => expect(existsSync(join(root, 'infra/vigia-collector.service'))).toBe(true),
  ],
  [/^sudo systemctl enable --now vigia-collector$/, () => expect(unit()).toContain('WantedBy=multi-user.target')],
];

function scripted(line: string): void {
  expect(Object.keys(packageJson.scripts)).toContain(line.replace(/^npm (run )?/, ''));
}

/** Its arguments are read, and then no collector is there to ask. */
function blockKnows(line: string): void {
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(2);
  const { stderr } = spawnSync(bin('vigia'), [...args, '--spool', folder], { encoding: 'utf8' });
  expect(stderr).toContain('no collector that watches an interface');
}

/** Where another test file runs the very thing. */
function coveredBy(words: string, file: string): () => void {
  return () => expect(readFileSync(join(root, 'test', file), 'utf8')).toContain(words);
}

describe('every command of the README', () => {
  expect(commands.length).toBeGreaterThan(15);
  it.each(commands)('%s', (line) => {
    const check = CHECKS.find(([pattern]) => pattern.test(line));
    expect(check, `no check for: ${line}`).toBeDefined();
    check?.[1](line);
  });
});

describe('every file the README names', () => {
  const links = DOCUMENTS.flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(
      ([, target = '']) => join(path, '..', target),
    ),
  );
  it.each(links)('%s is there', (target) => {
    expect(existsSync(join(root, target))).toBe(true);
  });
});

describe('the settings in the pages', () => {
  const blocks = [...readme.matchAll(/```toml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  it('are settings that make sense, all together', () => {
    expect(blocks.length).toBeGreaterThan(2);
    const file = join(folder, 'collector.toml');
    writeFileSync(file, blocks.join('\n'));
    const { config } = readConfigWithFile({ config: file }, {});
    expect(config).toMatchObject({ block: 'enforce', allow: [{ text: '198.51.100.0/24' }] });
  });
});
