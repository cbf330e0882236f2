/** The shell of a person on a booted machine, in which every line has to succeed. */
import { expect } from 'vitest';
import type { BootedMachine } from './booted-machine.ts';
import type { ShellSession } from './shell-session.ts';

const SUDO = '#!/bin/sh\nexec "$@"\n';

export class TypedShell {
  readonly #shell: ShellSession;

  private constructor(shell: ShellSession) {
    this.#shell = shell;
  }

  /** Of root, who may have no sudo there, and no time to say yes. */
  static async on(machine: BootedMachine): Promise<TypedShell> {
    const shell = new TypedShell(machine.shell());
    await shell.writes('/usr/local/bin/sudo', SUDO);
    await shell.types('chmod 755 /usr/local/bin/sudo');
    await shell.writes('/etc/apt/apt.conf.d/yes', 'APT::Get::Assume-Yes "true";\n');
    return shell;
  }

  /** @returns what it wrote */
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

  async close(): Promise<void> {
    await this.#shell.close();
  }
}
