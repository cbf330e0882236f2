/** The host that docs/collector.md is about, the edge it reports to, and somebody who attacks it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BootedMachine } from './booted-machine.ts';
import { sh } from './ebpf-machine.ts';
import { ROOT } from './page-blocks.ts';
import { type Serving, startServing, TOKEN_KEY } from './serve-fixture.ts';
import type { ShellSession } from './shell-session.ts';

export const [EDGE, ATTACKER, MACHINE] = ['10.231.7.1', '10.231.7.66', '10.231.7.2'] as const;
const CABLE = { addresses: [EDGE, ATTACKER], machine: MACHINE, prefix: 24 } as const;
const SETTINGS = '/etc/vigia/collector.toml';
const SUDO = '#!/bin/sh\nexec "$@"\n';
/** The page's edge has a certificate of a public authority, ours one that the collector has to be told of. */
const OWN_AUTHORITY = 'ca = "/etc/vigia/edge.pem"\n';

export class PageHost {
  readonly #machine: BootedMachine;
  readonly #shell: ShellSession;
  readonly #edge: Serving;
  readonly #state: string;

  private constructor(machine: BootedMachine, edge: Serving, state: string) {
    this.#machine = machine;
    this.#shell = machine.shell();
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
    const host = new PageHost(machine, edge, state);
    await host.writes('/usr/local/bin/sudo', SUDO);
    await host.types('chmod 755 /usr/local/bin/sudo; touch /var/log/auth.log; chgrp adm /var/log/auth.log');
    await host.writes('/etc/apt/apt.conf.d/yes', 'APT::Get::Assume-Yes "true";\n');
    await host.types(`echo ${EDGE} vigia.example.com >> /etc/hosts`);
    return host;
  }

  /** Runs a line, which has to succeed. @returns what it wrote */
  async types(line: string): Promise<string> {
    // It follows for ever, and 124 says that it still did.
    const typed = line.startsWith('journalctl ') ? `timeout 2 ${line}; test $? = 124` : line;
    const { status, output } = await this.#shell.run(typed);
    expect(`${line}: exit ${status}${status === 0 ? '' : `\n${output}`}`).toBe(`${line}: exit 0`);
    return output;
  }

  async writes(file: string, text: string): Promise<void> {
    await this.types(`base64 -d > ${file} <<< ${Buffer.from(text).toString('base64')}`);
  }

  /** In place of the file of settings. */
  async sets(settings: string): Promise<void> {
    await this.types('cp edge.pem /etc/vigia/edge.pem');
    await this.writes(SETTINGS, settings + OWN_AUTHORITY);
  }

  /** Behind what the file of settings holds. */
  async alsoSets(settings: string): Promise<void> {
    const reached = settings.replace('127.0.0.1:9478', `${MACHINE}:9478`);
    await this.writes(SETTINGS, (await this.types(`cat ${SETTINGS}`)) + reached);
  }

  /** Its ports are scanned until its list of blocks says of the attacker what is expected. */
  async isScanned(expected: RegExp): Promise<void> {
    const scan = ['-n', '-Pn', '-sS', '-S', ATTACKER, '-e', this.#machine.link, '-p', '1-2000', '--max-retries', '0'];
    sh('nmap', ...scan, '--min-rate', '2000', MACHINE);
    const line = async (): Promise<string | undefined> =>
      (await this.types('vigia block list')).split('\n').find((text) => text.includes(ATTACKER));
    await expect.poll(line, { timeout: 20_000, interval: 500 }).toMatch(expected);
  }

  answers(address: string): boolean {
    return spawnSync('ping', ['-c', '1', '-W', '1', '-I', address, MACHINE]).status === 0;
  }

  async stop(): Promise<void> {
    await this.#shell.close();
    await this.#edge.stop();
    await this.#machine.remove();
    rmSync(this.#state, { recursive: true, force: true });
  }
}
