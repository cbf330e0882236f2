/** Lines a second of the reader of login logs, beside fail2ban-regex on the same log and what CrowdSec says of itself. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { readAuthLog } from '../collector/sources/open-auth-log.ts';

const LOG = fileURLToPath(new URL('../../shared/data/auth/openssh-1k.log', import.meta.url));
const TIMES = 100;
const PEER = 'fail2ban-regex';
/** Where the set-up unpacks it. */
const UNPACKED = fileURLToPath(new URL('../node_modules/.vigia', import.meta.url));
/** Published, not measured here: "about 3,600 fully parsed nginx lines per second with one parsing routine", on 16 vCPU. */
const CROWDSEC: Row = {
  what: 'CrowdSec, nginx lines, one parsing routine; by https://docs.crowdsec.net/u/troubleshooting/general/',
  lines: null,
  lines_per_second: 3600,
};

interface Row {
  readonly what: string;
  /** Null where it was not measured here. */
  readonly lines: number | null;
  readonly lines_per_second: number;
}

/** The whole way: lines, attempts, windows. */
async function own(file: string, lines: number): Promise<Row> {
  // As `vigia collect` does, which takes memory before speed.
  setFlagsFromString('--optimize-for-size');
  const settings = { host: 'bench', group: 'default', nameKey: new Uint8Array(32) };
  const started = performance.now();
  let windows = 0;
  for await (const _ of readAuthLog(file, settings).windows(new AbortController().signal)) windows++;
  const seconds = (performance.now() - started) / 1000;
  if (windows === 0) throw new Error(`${file} gave no window`);
  return { what: 'Vigía, to windows', lines, lines_per_second: Math.round(lines / seconds) };
}

function peer(file: string, lines: number): Row | null {
  const started = performance.now();
  const unpacked = join(UNPACKED, 'usr/bin', PEER);
  const [command, ...config] = existsSync(unpacked) ? [unpacked, '-c', join(UNPACKED, 'etc/fail2ban')] : [PEER];
  const { status } = spawnSync(command, [...config, file, 'sshd'], {
    stdio: 'ignore',
    env: { ...process.env, PYTHONPATH: join(UNPACKED, 'usr/lib/python3/dist-packages') },
  });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) return null;
  return { what: PEER, lines, lines_per_second: Math.round(lines / seconds) };
}

export async function benchmark(): Promise<unknown> {
  if (!existsSync(LOG)) {
    console.log(`skipped: ${LOG} is not here`);
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), 'vigia-auth-'));
  try {
    const file = join(folder, 'auth.log');
    const text = readFileSync(LOG, 'utf8').trimEnd();
    writeFileSync(file, `${text}\n`.repeat(TIMES));
    const lines = text.split('\n').length * TIMES;
    console.log(`${lines} lines of a real sshd under attack, ${Math.round(statSync(file).size / 2 ** 20)} MiB`);
    const measured = [await own(file, lines), peer(file, lines)].filter((row) => row !== null);
    const rows = [...measured, CROWDSEC];
    if (measured.length === 1) console.log(`${PEER} is not installed: its row is left out`);
    console.table(rows);
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
