/** docs/deploy.md is true: on a copy of this machine that systemd runs, its commands work from the first line to the last, but for those that ask Cloudflare (readme.test.ts). */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOOTS_BY, BootedMachine, showing } from './booted-machine.ts';
import { missing, named } from './ebpf-machine.ts';
import { type Receiver, webhookReceiver } from './edge-fixture.ts';
import { normalWindows } from './fitted-models.ts';
import { type GitSource, gitSource } from './git-source.ts';
import { nginxCommand } from './nginx-proxy.ts';
import { blocksOf, type Command, commandsOf, fileOf, needsAccount, ROOT } from './page-blocks.ts';
import { TypedShell } from './typed-shell.ts';

const [RECEIVER, MACHINE] = ['10.231.8.1', '10.231.8.2'];
/** Where the keys of the page stand. */
const KEYS = '/root/vigia-edge';
const CLONE = '/mnt';
/** What a person has to say so that the receiver of this test is taken. */
const PRIVATE = 'WEBHOOK_ALLOW_PRIVATE=true\n';

const blocks = blocksOf('docs/deploy.md').filter((block) => !needsAccount(block));
const sections = [...new Set(blocks.map(({ section }) => section))];
const reason = missing(...BOOTS_BY, 'git', 'npm', 'openssl', 'curl');

/** The page names what is not run here, and nothing else is left out. */
const notRun = [
  ...(/^Not run there, .*?: (.*)$/m.exec(readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8'))?.[1] ?? '').matchAll(
    /`([^`]+)`/g,
  ),
].map(([, line = '']) => line);

it('the page names the commands that are not run, and they are on it', () => {
  const lines = blocks.filter(({ language }) => language === 'sh').flatMap((block) => commandsOf(block));
  expect(notRun.length).toBeGreaterThan(0);
  expect(notRun.filter((command) => !lines.some(({ line }) => line === command))).toEqual([]);
});

describe.skipIf(reason !== '')(named('docs/deploy.md', reason), () => {
  let folder: string;
  let machine: BootedMachine;
  let shell: TypedShell;
  let receiver: Receiver;
  let source: GitSource;
  let before: string;
  let revoked = false;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vigia-deploy-'));
    nginxCommand(folder);
    source = gitSource(ROOT, join(folder, 'source'));
    before = source.head();
    mkdirSync(join(source.folder, 'node_modules'));
    const windows = normalWindows(400, 1).map((window) => ({ ...window, host: 'web-1', group: 'web' }));
    writeFileSync(join(folder, 'traffic.ndjson'), windows.map((window) => `${JSON.stringify(window)}\n`).join(''));
    const folders = { [CLONE]: source.folder, [folder]: folder, [ROOT]: ROOT };
    machine = await BootedMachine.boot('edge', folders, { addresses: [RECEIVER], machine: MACHINE, prefix: 24 });
    receiver = await webhookReceiver(0, RECEIVER);
    shell = await TypedShell.on(machine);
    await shell.types(`export PATH="${folder}/bin:$PATH"; ${modulesIn(CLONE)}`);
    await shell.types(`groupadd --force ssl-cert; echo ${MACHINE} edge.example.com >> /etc/hosts`);
  });
  afterAll(async () => {
    await shell?.close();
    await receiver?.close();
    await machine?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What npm would load. */
  const modulesIn = (clone: string): string => showing(`${ROOT}/node_modules`, `${clone}/node_modules`);
  const headInUse = async (): Promise<string> => (await shell.types('git -C /opt/vigia rev-parse HEAD')).trim();

  /** What stands elsewhere here than where the page has it. */
  const here = (text: string): string =>
    text
      .replaceAll('https://soc.example.com/vigia', receiver.url)
      .replaceAll('ebpf:eth0', `windows:${folder}/traffic.ndjson`)
      .replaceAll('/etc/nginx/', `${folder}/etc/nginx/`);

  async function run({ line, prints }: Command): Promise<void> {
    if (notRun.includes(line)) return;
    const output = await shell.types(here(line));
    if (prints !== null) expect(output, line).toContain(prints);
  }

  const train = blocks.flatMap((block) => commandsOf(block)).find(({ line }) => line.includes('$EDGE/train')) ?? {
    line: '',
    prints: '',
  };

  /** What comes about by itself where the page is followed, or can be seen at that moment only. */
  const BEFORE: [RegExp, () => Promise<void>][] = [
    // Who takes this way did not take the one before.
    [/^sudo git clone /, async () => void (await shell.types(`cd ${CLONE}`))],
    [/^cd \/opt\/vigia && sudo node .* start$/, async () => void (await shell.types(modulesOnce))],
    [/^sudo git -C \/opt\/vigia pull$/, async () => source.update()],
    [/^vigia models rollback/, () => run(train)],
    [/^curl .* @read.header/, revokedIsRefused],
  ];
  const modulesOnce = `mountpoint -q /opt/vigia/node_modules || { ${modulesIn('/opt/vigia')}; }`;

  /** What can be seen right afterwards. */
  const AFTERWARDS: [RegExp, () => Promise<void>][] = [
    [
      /^sudo git -C \/opt\/vigia pull$/,
      async () => {
        expect(await headInUse()).toBe(source.head());
        expect(source.head()).not.toBe(before);
      },
    ],
    [/^sudo git -C \/opt\/vigia reset /, async () => expect(await headInUse()).toBe(before)],
  ];

  /** The revoked one, from the restart on: revocation.test.ts shows that a running edge knows within half a minute. */
  async function revokedIsRefused(): Promise<void> {
    if (!revoked) return;
    const ask = `curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat web-1.token)" -X POST -d '{}' $EDGE/detect`;
    expect(await shell.types(ask)).toBe('401');
  }

  /** What the page promises without a command that shows it. */
  const AFTER: Record<string, () => Promise<void>> = {
    'On a machine of your own': async () => {
      expect(await shell.types('stat -c %a /etc/vigia/edge.env')).toBe('600\n');
      expect(await shell.types('systemctl is-enabled vigia-edge')).toBe('enabled\n');
    },
    'First webhook': async () => {
      const [delivery] = await receiver.received(1);
      const headers = Object.fromEntries(
        Object.entries(delivery?.headers ?? {}).map(([name, value]) => [name, String(value)]),
      );
      const secret = (await shell.types('cat soc.secret')).trim();
      expect(() => new Webhook(secret).verify(delivery?.body ?? '', headers)).not.toThrow();
    },
    'First collector': async () => {
      expect(await shell.types('curl -s -H @admin.header "$EDGE/stats?group=web"')).toContain('"windows_total":400');
    },
    'End a token': async () => {
      revoked = true;
    },
    'Back up and restore': async () => {
      await shell.types('cp -p /etc/vigia/edge.env . && sed -i s/^VIGIA_PORT=.*/VIGIA_PORT=none/ /etc/vigia/edge.env');
      expect(await shell.types('! systemctl restart vigia-edge')).toContain('vigia-edge.service failed');
      await shell.types(
        'cp -p edge.env /etc/vigia/ && systemctl reset-failed vigia-edge && systemctl restart vigia-edge',
      );
    },
    'Remove it': async () => {
      expect(await shell.types('find /etc/systemd /etc/vigia /var/lib/private -name "*vigia?*"')).toBe('');
      expect(await shell.types(`find /etc/vigia ${folder}/etc/nginx/conf.d -type f`)).toBe('');
      expect(await shell.types('ls -d /var/lib/vigia-edge 2> /dev/null; pgrep workerd; true')).toBe('');
    },
  };

  it.each(sections)('%s', async (section) => {
    for (const block of blocks.filter((one) => one.section === section)) {
      const file = fileOf(block);
      if (block.language !== 'sh') {
        const text = file === 'edge.env' ? block.text + PRIVATE : here(block.text);
        if (file !== null) await shell.writes(join(KEYS, file), text);
        continue;
      }
      for (const command of commandsOf(block)) {
        for (const [pattern, happens] of BEFORE) if (pattern.test(command.line)) await happens();
        await run(command);
        for (const [pattern, happens] of AFTERWARDS) if (pattern.test(command.line)) await happens();
      }
    }
    await AFTER[section]?.();
  });
});
