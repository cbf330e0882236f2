/** The host that docs/collector.md is about, the edge it reports to, and somebody who attacks it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BootedMachine } from './booted-machine.ts';
import { sh } from './ebpf-machine.ts';
import { ROOT } from './page-blocks.ts';
import { type Serving, startServing, TOKEN_KEY } from './serve-fixture.ts';
import { TypedShell } from './typed-shell.ts';

export const [EDGE, ATTACKER, MACHINE] = ['10.231.7.1', '10.231.7.66', '10.231.7.2'] as const;
const CABLE = { addresses: [EDGE, ATTACKER], machine: MACHINE, prefix: 24 } as const;
export const SETTINGS = '/etc/vigia/collector.toml';
/** The page's edge has a certificate of a public authority, ours one that the collector has to be told of. */
const OWN_AUTHORITY = 'ca = "/etc/vigia/edge.pem"\n';

export class PageHost {
  readonly #machine: BootedMachine;
  readonly shell: TypedShell;
  readonly #edge: Serving;
  readonly #state: string;

  private constructor(machine: BootedMachine, shell: TypedShell, edge: Serving, state: string) {
    this.#machine = machine;
    this.shell = shell;
    this.#edge = edge;
    this.#state = state;
  }

  /**
   * @param keys a folder with edge.pem and edge.key
   * @param folders of this machine, by where they stand there; what is typed is typed in the first
   */
  static async start(keys: string, folders: Readonly<Record<string, string>>): Promise<PageHost> {
    const machine = await BootedMachine.boot('web-1', folders, CABLE);
    const state = mkdtempSync(join(keys, 'state-'));
    const tls = ['--tls-cert', join(keys, 'edge.pem'), '--tls-key', join(keys, 'edge.key')];
    const vigia = [join(ROOT, 'cli/vigia.ts'), 'serve', '--host', EDGE, '--port', '443', '--state', state, ...tls];
    const vars = { TOKEN_KEY, WEBHOOK_ALLOW_PRIVATE: 'true' };
    const edge = await startServing(process.execPath, vigia, vars).catch(async (error) => {
      await machine.remove();
      throw error;
    });
    const shell = await TypedShell.on(machine);
    await shell.types(
      `touch /var/log/auth.log; chgrp adm /var/log/auth.log; echo ${EDGE} vigia.example.com >> /etc/hosts`,
    );
    return new PageHost(machine, shell, edge, state);
  }

  /** In place of the file of settings. */
  async sets(settings: string): Promise<void> {
    await this.shell.types('cp edge.pem /etc/vigia/edge.pem');
    await this.shell.writes(SETTINGS, settings + OWN_AUTHORITY);
  }

  /** Behind what the file of settings holds. */
  async alsoSets(settings: string): Promise<void> {
    const reached = settings.replace('127.0.0.1:9478', `${MACHINE}:9478`);
    await this.shell.writes(SETTINGS, (await this.shell.types(`cat ${SETTINGS}`)) + reached);
  }

  /** Its ports are scanned until its list of blocks says of the attacker what is expected. */
  async isScanned(expected: RegExp): Promise<void> {
    const scan = ['-n', '-Pn', '-sS', '-S', ATTACKER, '-e', this.#machine.link, '-p', '1-2000', '--max-retries', '0'];
    sh('nmap', ...scan, '--min-rate', '2000', MACHINE);
    const line = async (): Promise<string | undefined> =>
      (await this.shell.types('vigia block list')).split('\n').find((text) => text.includes(ATTACKER));
    await expect.poll(line, { timeout: 20_000, interval: 500 }).toMatch(expected);
  }

  answers(address: string): boolean {
    return spawnSync('ping', ['-c', '1', '-W', '1', '-I', address, MACHINE]).status === 0;
  }

  async stop(): Promise<void> {
    await this.shell.close();
    await this.#edge.stop();
    await this.#machine.remove();
    rmSync(this.#state, { recursive: true, force: true });
  }
}
