/** Shell commands by a small grammar. */
import type { Random } from '../../random.ts';
import { chance, pick } from './pick.ts';

const PROGRAMS =
  'ls cd cat rm cp mv mkdir rmdir touch chmod chown ln find grep egrep sed awk sort uniq head tail wc cut tr tee xargs tar gzip gunzip zip unzip bzip2 xz curl wget ssh scp rsync sftp ftp telnet nc ncat nmap ping traceroute dig nslookup host ip ifconfig netstat ss route arp iptables nft tcpdump ps top htop kill killall pkill nice nohup jobs bg fg df du mount umount fdisk lsblk free uptime uname whoami id who w last su sudo passwd useradd usermod userdel groupadd crontab at systemctl service journalctl dmesg apt apt-get dpkg yum dnf rpm snap pip npm node python python3 perl ruby php java gcc make cmake git svn docker kubectl helm terraform ansible vim vi nano less more echo printf env export set unset alias history man which whereis locate file stat diff patch md5sum sha256sum base64 openssl gpg date cal sleep time watch screen tmux bash sh zsh exec eval source test true false exit clear reset strace lsof gdb objdump strings xxd od dd sync shutdown reboot mysql psql sqlite3 mongo redis-cli ffmpeg convert pandoc jq yq socat'.split(
    ' ',
  );
const WORDS =
  'install update start stop status restart enable list show get add commit push pull run build test clean log config info file data backup output input report users index main readme'.split(
    ' ',
  );
const FOLDERS = [
  '/',
  '/etc',
  '/tmp',
  '/var/log',
  '/home/user',
  '/usr/local/bin',
  '/opt/app',
  '~',
  '.',
  '..',
  '/dev',
  '/proc',
  '/root/.ssh',
  '$HOME',
];
const FILES = [
  'passwd',
  'shadow',
  'hosts',
  'file.txt',
  'a.sh',
  'index.html',
  'data.csv',
  'backup.tar.gz',
  'app.log',
  'config.yml',
  'id_rsa',
  'main.c',
  '*.txt',
  '*.log',
  'null',
  'script.py',
];

function flag(random: Random): string {
  const letters = 'abcdefghijklmnopqrstuvwxyzARFLSXZ';
  if (chance(0.35, random)) return `--${pick(WORDS, random)}${chance(0.3, random) ? `=${pick(WORDS, random)}` : ''}`;
  return `-${Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick([...letters], random)).join('')}`;
}

function argument(random: Random): string {
  const drawn = random();
  if (drawn < 0.3) return `${pick(FOLDERS, random)}/${pick(FILES, random)}`;
  if (drawn < 0.45) return pick(FOLDERS, random);
  if (drawn < 0.6) return pick(FILES, random);
  if (drawn < 0.7) return `"${pick(WORDS, random)} ${pick(WORDS, random)}"`;
  if (drawn < 0.75) return `$(${pick(PROGRAMS, random)})`;
  if (drawn < 0.8) return `http://10.0.0.${Math.floor(random() * 255)}/${pick(FILES, random)}`;
  if (drawn < 0.86) return `'{print $${1 + Math.floor(random() * 9)}}'`;
  return drawn < 0.93 ? pick(WORDS, random) : String(Math.floor(random() * 10_000));
}

function simple(random: Random): string {
  const parts = [pick(PROGRAMS, random)];
  if (chance(0.15, random)) parts.unshift('sudo');
  const flags = Math.floor(random() * 3);
  for (let i = 0; i < flags; i++) parts.push(flag(random));
  const words = flags === 0 && parts.length === 1 ? 1 + Math.floor(random() * 2) : Math.floor(random() * 3);
  for (let i = 0; i < words; i++) parts.push(argument(random));
  return parts.join(' ');
}

export function command(random: Random): string {
  const drawn = random();
  if (drawn < 0.6) return simple(random);
  if (drawn < 0.72) return `${simple(random)} | ${simple(random)}`;
  if (drawn < 0.78) return `${simple(random)} > ${pick(FOLDERS, random)}/${pick(FILES, random)}`;
  if (drawn < 0.84) return `${simple(random)} && ${simple(random)}`;
  if (drawn < 0.88) return `${simple(random)}; ${simple(random)}`;
  if (drawn < 0.91) return `./${pick(FILES, random)} ${flag(random)}`;
  if (drawn < 0.94) return `${pick(WORDS, random).toUpperCase()}=${pick(WORDS, random)} ${simple(random)}`;
  return drawn < 0.97 ? `${simple(random)} 2>&1 &` : pick(PROGRAMS, random);
}
