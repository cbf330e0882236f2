/** docs/deploy.md is true: its commands run here from its first line to its last, but for those that ask Cloudflare (readme.test.ts). */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, webhookReceiver } from './edge-fixture.ts';
import { EdgeUnit } from './edge-unit.ts';
import { normalWindows } from './fitted-models.ts';
import { type GitSource, gitSource } from './git-source.ts';
import { nginxCommand } from './nginx-proxy.ts';
import { blocksOf, type Command, commandsOf, fileOf, needsAccount, ROOT } from './page-blocks.ts';
import { freePort } from './prometheus-fixture.ts';
import { type ShellSession, shellSession } from './shell-session.ts';

const blocks = blocksOf('docs/deploy.md').filter((block) => !needsAccount(block));
const sections = [...new Set(blocks.map(({ section }) => section))];

/** The page names what is not run here, and nothing else is left out. */
const notRun = [
  ...(/^Not run there: (.*)$/m.exec(readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8'))?.[1] ?? '').matchAll(
    /`([^`]+)`/g,
  ),
].map(([, line = '']) => line);

let folder: string;
let home: string;
let keys: string;
let shell: ShellSession;
let unit: EdgeUnit;
let receiver: Receiver;
let port: number;
let revoked = false;
let source: GitSource;
let before: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-deploy-'));
  home = join(folder, 'home');
  keys = join(home, 'vigia-edge');
  port = await freePort();
  receiver = await webhookReceiver();
  for (const place of ['home', 'bin', 'opt', 'etc/systemd/system', 'var/backups', 'var/lib/private'])
    mkdirSync(join(folder, place), { recursive: true });
  writeFileSync(join(folder, 'bin/sudo'), '#!/bin/sh\nexec "$@"\n');
  chmodSync(join(folder, 'bin/sudo'), 0o755);
  nginxCommand(folder);
  source = gitSource(ROOT, join(folder, 'source'));
  before = source.head();
  const windows = normalWindows(400, 1).map((window) => ({ ...window, host: 'web-1', group: 'web' }));
  writeFileSync(join(folder, 'traffic.ndjson'), windows.map((window) => `${JSON.stringify(window)}\n`).join(''));
  shell = shellSession(ROOT, { HOME: home, PATH: `${join(folder, 'bin')}:${process.env.PATH}` });
  unit = new EdgeUnit({
    unitFolder: join(folder, 'etc/systemd/system'),
    place: here,
    vars: { WEBHOOK_ALLOW_PRIVATE: 'true' },
  });
});
afterAll(async () => {
  await unit.stop();
  await shell.close();
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What stands elsewhere here than on the machine of the page. */
function here(text: string): string {
  return text
    .replaceAll('/opt/vigia', ROOT.replace(/\/$/, ''))
    .replaceAll('https://edge.example.com', `https://127.0.0.1:${port}`)
    .replaceAll('DNS:edge.example.com', 'IP:127.0.0.1')
    .replaceAll('https://soc.example.com/vigia', receiver.url)
    .replaceAll('VIGIA_PORT=443', `VIGIA_PORT=${port}`)
    .replaceAll('listen 443 ', `listen ${port} `)
    .replaceAll('ebpf:eth0', `windows:${join(folder, 'traffic.ndjson')}`)
    .replaceAll(' -g ssl-cert ', ' ') // a group that the package makes
    .replaceAll(/(?<![\w.])\/(etc\/(?:vigia|systemd|nginx)|var\/(?:lib|backups))(?=[/\s]|$)/g, `${folder}/$1`);
}

/** git works in a clone that has what this one has, and need not be set up: what is served is from here. */
const GIT: [RegExp, (line: string) => Promise<void>][] = [
  [
    /^sudo git clone \. /,
    async (line) => {
      await succeed(line, `(cd ${source.folder} && ${cloned(line)})`);
      const unit = readFileSync(join(cloned('/opt/vigia'), 'infra/vigia-edge.service'), 'utf8');
      expect(unit).toContain('=/opt/vigia/node_modules/.bin/node ');
    },
  ],
  [
    /^sudo git -C \/opt\/vigia pull$/,
    async (line) => {
      source.update();
      await succeed(line, cloned(line));
      expect(source.head(cloned('/opt/vigia'))).toBe(source.head());
      expect(source.head()).not.toBe(before);
    },
  ],
  [
    /^sudo git -C \/opt\/vigia reset /,
    async (line) => {
      await succeed(line, cloned(line));
      expect(source.head(cloned('/opt/vigia'))).toBe(before);
    },
  ],
];

const cloned = (text: string): string => text.replaceAll('/opt/vigia', join(folder, 'opt/vigia'));

async function succeed(line: string, typed: string): Promise<string> {
  const { status, output } = await shell.run(typed);
  expect(`${line}: exit ${status}${status === 0 ? '' : `\n${output}`}`).toBe(`${line}: exit 0`);
  return output;
}

async function run({ line, prints }: Command): Promise<void> {
  if (notRun.includes(line)) return;
  const byGit = GIT.find(([pattern]) => pattern.test(line));
  if (byGit !== undefined) return byGit[1](line);
  const plain = line.replace(/^sudo /, '');
  if (plain.startsWith('systemctl ')) return unit.systemctl(plain);
  const output = await succeed(line, here(line));
  if (prints !== null) expect(output, line).toContain(prints);
}

const train = blocks.flatMap((block) => commandsOf(block)).find(({ line }) => line.includes('$EDGE/train')) ?? {
  line: '',
  prints: '',
};

/** What comes about by itself on the machine of the page, or can be seen at that moment only. */
const BEFORE: [RegExp, () => Promise<void>][] = [
  [/^vigia models rollback/, () => run(train)],
  [/^curl .* @read.header/, revokedIsRefused],
];

/** The revoked one, from the restart on: revocation.test.ts shows that a running edge knows within half a minute. */
async function revokedIsRefused(): Promise<void> {
  if (!revoked) return;
  const ask = `curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat web-1.token)" -X POST -d '{}' $EDGE/detect`;
  expect((await shell.run(ask)).output).toBe('401');
}

/** What the page promises without a command that shows it. */
const AFTER: Record<string, () => Promise<void>> = {
  'On a machine of your own': async () => {
    expect(readdirSync(keys)).toContain('edge.env');
    expect((await shell.run(`stat -c %a ${folder}/etc/vigia/edge.env`)).output).toBe('600\n');
  },
  'First webhook': async () => {
    const [delivery] = await receiver.received(1);
    const headers = Object.fromEntries(
      Object.entries(delivery?.headers ?? {}).map(([name, value]) => [name, String(value)]),
    );
    expect(() =>
      new Webhook(readFileSync(join(keys, 'soc.secret'), 'utf8').trim()).verify(delivery?.body ?? '', headers),
    ).not.toThrow();
  },
  'First collector': async () => {
    expect((await shell.run('curl -s -H @admin.header "$EDGE/stats?group=web"')).output).toContain(
      '"windows_total":400',
    );
  },
  'End a token': async () => {
    revoked = true;
  },
  'Remove it': async () => {
    expect(readdirSync(join(folder, 'etc/systemd/system'))).toEqual([]);
    expect(readdirSync(join(folder, 'etc/vigia'))).toEqual([]);
    expect(readdirSync(join(folder, 'etc/nginx/conf.d'))).toEqual([]);
    expect(readdirSync(join(folder, 'var/lib'))).toEqual(['private']);
    expect(readdirSync(join(folder, 'var/lib/private'))).toEqual([]);
    expect(() => unit.serving).toThrow('does not run');
  },
};

it('the page names the commands that are not run, and they are on it', () => {
  const lines = blocks.filter(({ language }) => language === 'sh').flatMap((block) => commandsOf(block));
  expect(notRun.length).toBeGreaterThan(0);
  expect(notRun.filter((command) => !lines.some(({ line }) => line === command))).toEqual([]);
});

it.each(sections)('%s', { timeout: 120_000 }, async (section) => {
  for (const block of blocks.filter((one) => one.section === section)) {
    const file = fileOf(block);
    if (block.language !== 'sh') {
      if (file !== null) writeFileSync(join(keys, file), here(block.text));
      continue;
    }
    for (const command of commandsOf(block)) {
      for (const [pattern, happens] of BEFORE) if (pattern.test(command.line)) await happens();
      await run(command);
    }
  }
  await AFTER[section]?.();
});
