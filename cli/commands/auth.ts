/** `vigia auth FILE.log`: the login attempts of a log as NDJSON windows, without a server. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { type CollectorOptions, readConfig } from '../../collector/config.ts';
import { readAuthLog } from '../../collector/sources/open-auth-log.ts';
import { drained, stopWhenNobodyReads } from '../write-lines.ts';

export function register(program: Command): void {
  program
    .command('auth')
    .description('print the login attempts of a log as NDJSON windows, by user name and by source; needs no server')
    .argument('<FILE>', 'auth.log, secure or the like; gzip, zstd or neither; - is stdin')
    .option('--host <NAME>', 'host to write into the windows')
    .option('--group <NAME>', 'group to write into the windows')
    .addHelpText(
      'after',
      `
Examples:
  vigia auth /var/log/auth.log > auth.ndjson
  journalctl -o short-iso -t sshd | vigia auth -

sshd, sudo, su, PAM, dovecot and vsftpd are read. A name that is no account of this host, nor a daemon's, is printed as a hash
whose key is forgotten with the run: it may be a password that was typed into the wrong field.`,
    )
    .action(printWindows);
}

async function printWindows(file: string, options: CollectorOptions): Promise<void> {
  const { host, group } = readConfig({ ...options, to: 'http://localhost', source: [`auth:${file}`] });
  const source = readAuthLog(file, { host, group, nameKey: randomBytes(32) });
  const stop = stopWhenNobodyReads();
  try {
    for await (const window of source.windows(stop))
      if (!process.stdout.write(`${JSON.stringify(window)}\n`)) await drained(stop);
  } finally {
    for (const [reason, count] of Object.entries(source.losses()))
      if (count > 0) process.stderr.write(`vigia: ${count} x ${reason} (docs/window.md)\n`);
  }
}
