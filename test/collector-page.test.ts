/** docs/collector.md is true: on copies of this machine that systemd runs, its commands work from the first line to the last, against an edge and an attacker. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { BOOTS_BY, showing } from './booted-machine.ts';
import { selfSigned } from './certificates.ts';
import { missing, named } from './ebpf-machine.ts';
import { gitSource } from './git-source.ts';
import { type Block, blocksOf, commandsOf, ROOT } from './page-blocks.ts';
import { ATTACKER, EDGE, MACHINE, PageHost, SETTINGS } from './page-host.ts';
import { TOKEN_KEY } from './serve-fixture.ts';
import { type ShellSession, shellSession } from './shell-session.ts';

const DEB = `vigia-collector_${packageJson.version}_amd64.deb`;
const TEXT = readFileSync(join(ROOT, 'docs/collector.md'), 'utf8');
const reason = missing(...BOOTS_BY, 'bpftool', 'dpkg', 'git', 'nmap', 'openssl', 'ping');

const page = blocksOf('docs/collector.md');
const isOfClone = ({ text }: Block): boolean => text.includes('git clone');
const isOfEdge = (line: string): boolean => /^vigia (webhooks|token) /.test(line);
const sections = [...new Set(page.filter(({ language }) => language === 'sh').map(({ section }) => section))];
const firstSettings = page.find(({ language }) => language === 'toml')?.text ?? '';

describe.skipIf(reason !== '')(named('docs/collector.md', reason), () => {
  let folder: string;
  /** Where the edge is run from. */
  let operator: ShellSession;

  async function operates(line: string): Promise<string> {
    const { status, output } = await operator.run(
      line.replace('https://web-1.example.com/', `http://${MACHINE}:9478/`),
    );
    expect(`${line}: exit ${status}${status === 0 ? '' : `\n${output}`}`).toBe(`${line}: exit 0`);
    return output;
  }

  const windowsOfHost = async (): Promise<number> => {
    const ask = 'curl -s --cacert edge.pem -H "Authorization: Bearer $(cat admin.token)" "$EDGE/stats?group=web"';
    return JSON.parse(await operates(ask)).windows_total;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vigia-page-'));
    writeFileSync(join(folder, 'token.key'), TOKEN_KEY);
    writeFileSync(join(folder, 'hosts'), `127.0.0.1 localhost\n${EDGE} vigia.example.com\n`);
    selfSigned(join(folder, 'edge'), 'vigia.example.com', 'DNS:vigia.example.com');
    const among = ['--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', join(folder, 'hosts')];
    const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;
    const vars = { PATH, EDGE: 'https://vigia.example.com', NODE_EXTRA_CA_CERTS: join(folder, 'edge.pem') };
    operator = shellSession(folder, vars, ['unshare', ...among]);
    await operates('vigia token create --key-file token.key --scope ingest --host web-1 --group web > web-1.token');
    await operates('vigia token create --key-file token.key --scope admin > admin.token');
  });
  afterAll(async () => {
    await operator?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('with the package', () => {
    let host: PageHost;
    beforeAll(async () => {
      execFileSync(process.execPath, [join(ROOT, 'packaging/build.ts'), join(folder, 'built')], { stdio: 'pipe' });
      copyFileSync(join(folder, 'built', DEB), join(folder, DEB));
      host = await PageHost.start(folder, { '/mnt': folder });
    });
    afterAll(async () => await host?.stop());

    /** What comes about between two commands of the page, on that host or in the eyes of a person. */
    const BEFORE: [RegExp, () => Promise<void>][] = [
      [/^sudoedit /, async () => await host.sets(firstSettings)],
      [/block list$/, async () => await host.isScanned(/would have dropped/)],
      [
        /block add 203/,
        async () => {
          await host.isScanned(/(?<!have) dropped [1-9]/);
          expect([host.answers(ATTACKER), host.answers(EDGE)]).toEqual([false, true]);
        },
      ],
      [/block remove/, async () => expect(await host.shell.types('vigia block list')).toMatch(/^203.*ticket 4711/m)],
      [/block clear$/, async () => expect(await host.shell.types('vigia block list')).not.toMatch(/^203/m)],
      [
        /install .* webhook.secret/,
        async () => {
          expect(await host.shell.types('vigia block list')).toContain('nothing is blocked');
          expect(host.answers(ATTACKER)).toBe(true);
        },
      ],
    ];

    /** What the page promises without a command that shows it. */
    const AFTER: Record<string, () => Promise<void>> = {
      Install: async () => {
        await expect.poll(windowsOfHost, { timeout: 20_000 }).toBeGreaterThan(0);
        expect(await host.shell.types('systemctl is-enabled vigia-collector')).toBe('enabled\n');
        // What a person is shown is what the unit's own check wrote; but for the secrets, which systemd copies.
        const shown = (await host.shell.types('sudo vigia collect --check')).split('\n').slice(1, -1);
        const written = (await host.shell.types('sudo journalctl -u vigia-collector -o cat')).split('\n');
        expect(shown).toContain('spool = "/var/lib/vigia"  # --spool');
        expect(shown.filter((line) => !written.includes(line))).toEqual([
          'token-file = "/etc/vigia/token"  # default',
          'webhook-secret-file = "/etc/vigia/webhook.secret"  # default',
        ]);
        const score = /scores ([\d.]+) in `systemd-analyze/.exec(TEXT)?.[1];
        expect(await host.shell.types('systemd-analyze security vigia-collector')).toContain(
          `exposure level for vigia-collector.service: ${score} `,
        );
      },
      Block: async () => {
        await host.shell.types(`sed -i s/ebpf:eth0/ebpf:eth9/ ${SETTINGS}`);
        expect(await host.shell.types('! systemctl restart vigia-collector')).toContain(
          'vigia-collector.service failed',
        );
        await host.shell.types(`sed -i s/ebpf:eth9/ebpf:eth0/ ${SETTINGS} && systemctl restart vigia-collector`);
      },
      Remove: async () => {
        expect(
          await host.shell.types(
            'ls -d /etc/vigia /var/lib/vigia /var/lib/private/vigia /usr/bin/vigia 2> /dev/null; true',
          ),
        ).toBe('');
        expect(await host.shell.types('bpftool net show dev eth0')).not.toContain('vigia');
      },
    };

    it.each(sections)('%s', async (section) => {
      for (const block of page.filter((one) => one.section === section && !isOfClone(one))) {
        if (block.language === 'toml' && block.text !== firstSettings) await host.alsoSets(block.text);
        if (block.language !== 'sh') continue;
        for (const { line } of commandsOf(block)) {
          for (const [pattern, happens] of BEFORE) if (pattern.test(line)) await happens();
          if (isOfEdge(line)) await operates(line);
          else if (!line.startsWith('sudoedit ')) await host.shell.types(line);
        }
      }
      await AFTER[section]?.();
    });
  });

  describe('from a clone', () => {
    let host: PageHost;
    beforeAll(async () => {
      const source = gitSource(ROOT, join(folder, 'source')).folder;
      for (const file of ['web-1.token', 'edge.pem']) copyFileSync(join(folder, file), join(source, file));
      host = await PageHost.start(folder, { '/mnt': source, '/modules': join(ROOT, 'node_modules') });
    });
    afterAll(async () => await host?.stop());

    /** What npm would load. */
    const MODULES = showing('/modules', '/opt/vigia/node_modules');

    it('its windows arrive', async () => {
      for (const { line } of page.filter(isOfClone).flatMap(commandsOf)) {
        if (line.includes('sudo node ')) await host.shell.types(MODULES);
        if (line.startsWith('sudo editor ')) await host.sets(firstSettings);
        else await host.shell.types(line);
      }
      await expect.poll(windowsOfHost, { timeout: 20_000 }).toBeGreaterThan(0);
      expect(await host.shell.types('systemctl is-enabled vigia-collector')).toBe('enabled\n');
    });
  });
});
