/** What systemd itself says of a unit with its drop-ins: an unknown key or section is a complaint. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** @param dropIns as `systemctl edit` takes them */
export function complaintsAboutUnit(file: string, dropIns: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'vigia-unit-'));
  try {
    const unit = join(folder, basename(file));
    // The program of the unit is not on this machine, at that place.
    writeFileSync(unit, readFileSync(file, 'utf8').replace(/^ExecStart=.*$/m, 'ExecStart=/bin/true'));
    mkdirSync(`${unit}.d`);
    for (const [number, text] of dropIns.entries()) writeFileSync(join(`${unit}.d`, `${number}.conf`), text);
    const { error, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    if (error) throw error;
    return stderr.split('\n').filter((line) => line.startsWith(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
