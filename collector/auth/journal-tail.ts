/** Follows the logins in systemd's journal, line by line, through journalctl. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../sources/clock.ts';
import type { Losses } from '../sources/source.ts';
import { type LineReader, LineSplitter } from './log-tail.ts';
import { PROGRAMS } from './read-line.ts';

const LOOK_EVERY_MS = 500;
/**
 * syslog.h: LOG_AUTH and LOG_AUTHPRIV, under which PAM writes for any program; or a program by its name, since dovecot writes under
 * LOG_MAIL, vsftpd under LOG_FTP, and sshd where `SyslogFacility` says.
 */
const LOGINS = [
  ...['SYSLOG_FACILITY=4', 'SYSLOG_FACILITY=10', '+'],
  ...PROGRAMS.map((program) => `SYSLOG_IDENTIFIER=${program}`),
];
/** Characters kept of what journalctl says on stderr. */
const MOST_SAID = 500;

/** journalctl is missing, or gave up. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
}

export class JournalTail implements LineReader {
  readonly #since_s: number;
  readonly #clock: Clock;
  #tooLong = 0;

  /** @param since_s how far back the first lines are */
  constructor(since_s: number, clock: Clock) {
    this.#since_s = since_s;
    this.#clock = clock;
  }

  losses(): Losses {
    return { line_too_long: this.#tooLong };
  }

  /** @throws JournalError */
  async *lines(stop: AbortSignal): AsyncGenerator<string | null, void, void> {
    const args = ['--follow', '--quiet', '--lines=all', `--since=-${this.#since_s}s`, '--output=short-iso-precise'];
    const child = spawn('journalctl', [...args, ...LOGINS], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-MOST_SAID);
    });
    const failed = once(child, 'error').then(([cause]) => {
      throw new JournalError(`journalctl cannot be run: ${cause instanceof Error ? cause.message : String(cause)}`);
    });
    failed.catch(() => undefined); // looked at below, where it may come late
    const closed = new Promise((resolve) => child.once('close', resolve));
    const splitter = new LineSplitter(() => this.#tooLong++);
    const chunks: AsyncIterator<Buffer> = child.stdout[Symbol.asyncIterator]();
    try {
      let next = chunks.next();
      while (!stop.aborted) {
        const found = await Promise.race([next, failed, this.#clock.sleep(LOOK_EVERY_MS, stop).then(() => null)]);
        if (found === null) yield null;
        else if (found === undefined || found.done) {
          // A process that never was has its streams ended before its error is told.
          if (child.pid === undefined) await failed;
          // Its last words may come after its output has ended; what it started itself may hold stderr open.
          await Promise.race([closed, this.#clock.sleep(LOOK_EVERY_MS, stop)]);
          throw new JournalError(`journalctl has ended: ${said.trim() || 'it says nothing'}`);
        } else {
          yield* splitter.push(found.value);
          next = chunks.next();
        }
      }
    } finally {
      child.kill('SIGTERM');
    }
  }
}
