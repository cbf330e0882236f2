/** Shell commands by a small grammar. */
import type { Random } from '../../random.ts';
import { PROGRAM_NAMES } from '../known-names.ts';
import { chance, pick } from './pick.ts';

const PROGRAMS = [...PROGRAM_NAMES];
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

/** Programs in quotes, as awk, sed and interpreters take them. */
const SCRIPTS = [
  "'NR==2 {print $1, $NF; exit}' file.txt",
  '\'BEGIN {system("/bin/sh")}\'',
  '\'{sum += $3} END {printf "%d\\n", sum/NR}\'',
  "-F: '$3 >= 1000 {print $1}' /etc/passwd",
  "'s/(.*)\\.txt$/$1.bak/' *.txt",
  "-i.bak 's/foo/bar/g;/^#/d' config.yml",
  '-e \'exec "/bin/sh"\'',
  '-c \'import os; os.system("id")\'',
  '-rsocket -e \'c=TCPSocket.new("10.0.0.1",4444)\'',
  '-L 8080:localhost:80 -p 2222 user@host.example.com',
  '-X POST -d \'{"a": 1}\' http://10.0.0.1/api?x=1&y=2',
  '. \\( -name "*.c" -o -name "*.h" \\) -exec wc -l {} +',
  '-name "*.xml" -mtime +7 -print0 | xargs -0 rm',
  '%1',
  'admin@10.0.0.1',
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
  if (drawn < 0.955)
    return `${pick(WORDS, random)}=${chance(0.5, random) ? `$(${simple(random)})` : `\`${simple(random)}\``}`;
  if (drawn < 0.97) return `${pick(PROGRAMS, random)} ${pick(SCRIPTS, random)}`;
  return drawn < 0.985 ? `${simple(random)} 2>&1 &` : pick(PROGRAMS, random);
}
