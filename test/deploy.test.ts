/** docs/deploy.md is true: its commands run here from its first line to its last, but for those that ask Cloudflare (readme.test.ts). */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, webhookReceiver } from './edge-fixture.ts';
import { EdgeUnit } from './edge-unit.ts';
import { normalWindows } from './fitted-models.ts';
import { blocksOf, type Command, commandsOf, fileOf, needsAccount, ROOT } from './page-blocks.ts';
import { freePort } from './prometheus-fixture.ts';
import { type ShellSession, shellSession } from './shell-session.ts';

const blocks = blocksOf('docs/deploy.md').filter((block) => !needsAccount(block));
const sections = [...new Set(blocks.map(({ section }) => section))];

/** What is not run here, and what is looked at instead. */
const NOT_RUN: [RegExp, () => void][] = [
  [/^sudo git clone \. \/opt\/vigia$/, () => expect(unitFile()).toContain('=/opt/vigia/node_modules/.bin/node ')],
  [/^sudo git -C \/opt\/vigia (pull|reset --hard ORIG_HEAD)$/, () => expect(unitFile()).toContain('/opt/vigia/')],
  [
    /^sudo apt install ssl-cert$/,
    () => expect(blocks.map(({ text }) => text).join()).toMatch(/^SupplementaryGroups=ssl-cert$/m),
  ],
  [
    /^sudo (apt install nginx|nginx -t|systemctl reload nginx)$/,
    () => expect(nginxSettings()).toContain('include /etc/nginx/conf.d/*.conf;'), // the rest: behind-nginx.test.ts
  ],
  [
    /^journalctl -u vigia-edge -f$/,
    () => expect(readdirSync(here('/etc/systemd/system'))).toContain('vigia-edge.service'),
  ],
];

let folder: string;
let home: string;
let keys: string;
let shell: ShellSession;
let unit: EdgeUnit;
let receiver: Receiver;
let port: number;
let revoked = false;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigia-deploy-'));
  home = join(folder, 'home');
  keys = join(home, 'vigia-edge');
  port = await freePort();
  receiver = await webhookReceiver();
  for (const place of ['home', 'bin', 'etc/systemd/system', 'etc/nginx/conf.d', 'var/backups', 'var/lib/private'])
    mkdirSync(join(folder, place), { recursive: true });
  writeFileSync(join(folder, 'bin/sudo'), '#!/bin/sh\nexec "$@"\n');
  chmodSync(join(folder, 'bin/sudo'), 0o755);
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
    .replaceAll('ebpf:eth0', `windows:${join(folder, 'traffic.ndjson')}`)
    .replaceAll(' -g ssl-cert ', ' ') // a group that the package makes
    .replaceAll(/(?<![\w.])\/(etc\/(?:vigia|systemd|nginx)|var\/(?:lib|backups))(?=[/\s]|$)/g, `${folder}/$1`);
}

function unitFile(): string {
  return readFileSync(join(ROOT, 'infra/vigia-edge.service'), 'utf8');
}

/** Debian's: installed, or unpacked below node_modules by the set-up. */
function nginxSettings(): string {
  const unpacked = join(ROOT, 'node_modules/.vigia/etc/nginx/nginx.conf');
  return readFileSync(existsSync(unpacked) ? unpacked : '/etc/nginx/nginx.conf', 'utf8');
}

async function run({ line, prints }: Command): Promise<void> {
  const instead = NOT_RUN.find(([pattern]) => pattern.test(line));
  if (instead !== undefined) return instead[1]();
  const plain = line.replace(/^sudo /, '');
  if (plain.startsWith('systemctl ')) return unit.systemctl(plain);
  const { status, output } = await shell.run(here(line));
  expect(`${line}: exit ${status}${status === 0 ? '' : `\n${output}`}`).toBe(`${line}: exit 0`);
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
