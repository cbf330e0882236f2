/** A real sshd on the victim, for guessers: with a host key of its own, nobody's accounts but this machine's, and a log. */
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Lab, toolPath, VICTIM } from './lab.ts';

/** sshd parts its privileges by an account of this name, which its package makes. */
const PRIVILEGE_SEPARATION = 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin';

/**
 * sshd writes to stderr here, without the head of a line that syslog would put before it: time, host and process are added.
 * @param folder for its files; gone with the drill
 * @returns the log
 */
export function startSshServer(lab: Lab, folder: string): string {
  const at = (name: string): string => join(folder, name);
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(at('host_key'), privateKey, { mode: 0o600 });
  const settings = [
    `ListenAddress ${VICTIM}`,
    `HostKey ${at('host_key')}`,
    'PidFile none',
    'UsePAM no',
    'UseDNS no',
    'PermitRootLogin yes',
    'MaxStartups 100',
  ];
  writeFileSync(at('sshd_config'), `${settings.join('\n')}\n`);
  const accounts = readFileSync('/etc/passwd', 'utf8');
  writeFileSync(at('passwd'), /^sshd:/m.test(accounts) ? accounts : `${accounts.trimEnd()}\n${PRIVILEGE_SEPARATION}\n`);
  // In mounts of its own: this machine needs neither the account nor the folder afterwards.
  const script = `mount --bind ${at('passwd')} /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec ${toolPath('sshd')} -D -e -f ${at('sshd_config')}`;
  const server = lab.start('victim', 'unshare', ['--mount', 'sh', '-c', script], ['ignore', 'ignore', 'pipe']);
  const log = at('auth.log');
  writeFileSync(log, '');
  if (!server.stderr) throw new TypeError('sshd was started without stderr');
  createInterface({ input: server.stderr }).on('line', (message) =>
    appendFileSync(log, `${new Date().toISOString()} victim sshd[${server.pid}]: ${message}\n`),
  );
  return log;
}
