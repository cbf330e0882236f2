/** The README and docs/ are true: every block of code in them is checked here, or run by deploy.test.ts or collector-page.test.ts, and a new one fails until it is. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTACKS } from '../cli/drill/attacks.ts';
import { variablesOf } from '../cli/edge/edge-variables.ts';
import { readConfigWithFile } from '../collector/config.ts';
import { promRequest } from '../contract/prom-request.ts';
import packageJson from '../package.json' with { type: 'json' };
import { blocksOf, commandsOf, needsAccount, PAGES, ROOT as root } from './page-blocks.ts';
import { complaintsAboutUnit } from './systemd-unit.ts';
import { wranglerKnows } from './wrangler-knows.ts';

const pages = PAGES.map((page) => ({ page, text: readFileSync(join(root, page), 'utf8') }));
const blocks = PAGES.flatMap(blocksOf);
const inLanguage = (language: string) => blocks.filter((block) => block.language === language);
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

/** What deploy.test.ts and collector-page.test.ts run is not looked at here. */
const runElsewhere = (block: (typeof blocks)[number]): boolean =>
  ['docs/deploy.md', 'docs/collector.md'].includes(block.page) && !needsAccount(block);

const commands = [
  ...new Set(
    inLanguage('sh')
      .filter((block) => !runElsewhere(block))
      .flatMap(commandsOf)
      .map(({ line }) => line),
  ),
];

function run(command: string, args: string[], cwd = root): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  expect(`${command} ${args.join(' ')}: exit ${status} ${status === 0 ? '' : stderr}`).toMatch(/exit 0/);
  return stdout + stderr;
}

/** Commands of which the second word is one of theirs. */
const LISTED = ['webhooks', 'incidents', 'maintenance', 'allow'];

/** That it has these subcommands and options is in its help. */
function vigiaKnows(line: string): void {
  const words = line.replace(/^.*?vigia /, '').split(' ');
  const subcommand = words.slice(0, LISTED.includes(words[0] ?? '') ? 2 : 1);
  const help = run(bin('vigia'), [...subcommand, '--help']);
  for (const option of words.filter((word) => word.startsWith('--'))) expect(help).toContain(`${option} `);
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-readme-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A line of the README, or the beginning of one → what shows that it is true. */
const CHECKS: [RegExp, (line: string) => void][] = [
  [/^npm (start|test|run bench|run package)$/, (line) => scripted(line)],
  [/^curl -X POST http:\/\/127\.0\.0\.1:8787\/detect/, coveredBy('the README example is a port scan', 'judge.test.ts')],
  [/^curl -X POST http:\/\/127\.0\.0\.1:8787\/train$/, coveredBy("ask('/train', '-X', 'POST')", 'end-to-end.test.ts')],
  [/^sudo npx vigia drill port-scan$/, () => expect(run(bin('vigia'), ['drill', '--help'])).toContain('port-scan')],
  [/^npx vigia --help$/, () => expect(run(bin('vigia'), ['--help'])).toContain('drill')],
  [/npx vigia up$/, () => expect(run(bin('vigia'), ['up', '--help'])).toContain('--webhook')],
  [/^npx wrangler /, (line) => wranglerKnows(line)],
  [
    /^printf 'whsec_%s' .* > ~\/vigia-edge\/webhook\.secret$/,
    (line) => {
      const file = join(folder, 'webhook.secret');
      run('sh', ['-c', line.replace('~/vigia-edge/webhook.secret', file)]);
      expect(() => new Webhook(readFileSync(file, 'utf8'))).not.toThrow();
    },
  ],
  [/^export TOKEN_KEY="\$\(cat token\.key\)"$/, coveredBy('TOKEN_KEY })', 'serve.test.ts')],
  [/^vigia serve /, (line) => vigiaKnows(line)],
  [/^npx vigia (webhooks|incidents|maintenance|allow) /, (line) => vigiaKnows(line)],
];

function scripted(line: string): void {
  expect(Object.keys(packageJson.scripts)).toContain(line.replace(/^npm (run )?/, ''));
}

/** Where another test file runs the very thing. */
function coveredBy(words: string, file: string): () => void {
  return () => expect(readFileSync(join(root, 'test', file), 'utf8')).toContain(words);
}

describe('every command of the pages', () => {
  expect(commands.length).toBeGreaterThan(40);
  it.each(commands)('%s', (line) => {
    const check = CHECKS.find(([pattern]) => pattern.test(line));
    expect(check, `no check for: ${line}`).toBeDefined();
    check?.[1](line);
  });

  it('are all that is checked', () => {
    expect(
      CHECKS.map(([pattern]) => pattern).filter((pattern) => !commands.some((line) => pattern.test(line))),
    ).toEqual([]);
  });

  it('says so where it needs an account', () => {
    const asking = blocks.filter((block) => /^npx wrangler (?!.*--dry-run)/m.test(block.text));
    expect(asking.length).toBeGreaterThan(5);
    expect(asking.filter((block) => !needsAccount(block))).toEqual([]);
  });
});

describe('the table of commands in the README', () => {
  const rows = [...(pages[0]?.text ?? '').matchAll(/^\| `vigia (\w+).*$/gm)].map(([row, name = '']) => ({ row, name }));
  const help = (...args: string[]): string => run(process.execPath, [join(root, 'cli/vigia.ts'), ...args, '--help']);

  it('has every command, and no other', () => {
    const files = globSync('*.ts', { cwd: join(root, 'cli/commands') }).map((file) => file.replace(/\.ts$/, ''));
    expect(files.length).toBeGreaterThan(10);
    expect(rows.map(({ name }) => name).sort()).toEqual(files.sort());
  });

  it('has every drill, and no other', () => {
    const drills = [...(rows.find(({ name }) => name === 'drill')?.row.split('|')[2] ?? '').matchAll(/`([a-z-]+)`/g)];
    expect(drills.map(([, name]) => name)).toEqual(ATTACKS.map(({ name }) => name));
  });

  it.each(rows)('is true of vigia $name, which has an example in its help', ({ row, name }) => {
    const text = help(name);
    expect(text).toMatch(/Examples?:/);
    const words = [...(row.split('|')[1] ?? '').matchAll(/`(?:vigia \w+ )?([a-z-]+)`/g)].map(([, word = '']) => word);
    for (const word of words.filter((one) => one !== name)) expect(text).toMatch(new RegExp(`^ {2}${word}\\b`, 'm'));
    for (const [option] of row.matchAll(/--[a-z]+/g)) expect(text).toContain(option);
  });
});

describe('every link of the pages', () => {
  const links = pages.flatMap(({ page, text }) =>
    [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, target = '', anchor = '']) => ({
      page,
      target: target === '' ? page : join(page, '..', target),
      anchor,
    })),
  );
  it.each(links)('$page: $target#$anchor', ({ target, anchor }) => {
    expect(existsSync(join(root, target))).toBe(true);
    if (anchor !== '') expect(anchorsOf(readFileSync(join(root, target), 'utf8'))).toContain(anchor);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the settings in the pages', () => {
  it('are in languages that are looked at', () => {
    const languages = ['', 'sh', 'toml', 'ini', 'env', 'json', 'nginx']; // '' are drawings; of nginx there is behind-nginx.test.ts
    expect(blocks.filter(({ language }) => !languages.includes(language))).toEqual([]);
    expect(inLanguage('nginx').map(({ page }) => page)).toEqual(['docs/deploy.md']);
  });

  it('of the collector make sense, all together', () => {
    const texts = inLanguage('toml').map(({ text }) => text);
    expect(texts.length).toBeGreaterThan(2);
    const file = join(folder, 'collector.toml');
    writeFileSync(file, texts.join('\n'));
    const { config } = readConfigWithFile({ config: file }, {});
    expect(config).toMatchObject({ block: 'enforce', allow: [{ text: '198.51.100.0/24' }] });
  });

  it.each(inLanguage('ini'))('of units are known to systemd: $page, $above', ({ page, text }) => {
    const unit = page === 'docs/deploy.md' ? 'vigia-edge' : 'vigia-collector';
    expect(complaintsAboutUnit(join(root, `infra/${unit}.service`), [text])).toEqual([]);
  });

  it.each(inLanguage('env'))('of the edge are variables that it reads: $text', ({ text }) => {
    const pairs = [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]);
    const options = [...run(bin('vigia'), ['serve', '--help']).matchAll(/env:\s+(VIGIA_\w+)/g)].map(([, name]) => name);
    const read = [...options, ...Object.keys(variablesOf(Object.fromEntries(pairs)))];
    expect(read).toEqual(expect.arrayContaining(pairs.map(([name]) => name)));
    expect(pairs.length).toBe(text.trim().split('\n').length);
  });

  it.each(inLanguage('json'))('asked of /detect/prom are understood: $page', ({ text }) => {
    expect(promRequest.safeParse(JSON.parse(text)).error).toBeUndefined();
  });
});
