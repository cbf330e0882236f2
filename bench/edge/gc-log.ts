/** Reads the pauses of workerd's garbage collection from what V8 writes under --trace-gc. */
import { execFileSync } from 'node:child_process';

export interface Pause {
  /** By performance.now(), when its line came. */
  readonly ended_ms: number;
  readonly took_ms: number;
  /** Of the old objects and those of the runtime, or of the young ones. */
  readonly kind: 'major' | 'minor';
}

const LINE = /\] +\d+ ms: (Mark-Compact|Scavenge)\b.*? MB, pooled: [\d.]+ MB, ([\d.]+) \//;

/** @returns null where the line is no pause */
export function pauseOf(line: string, now_ms: number): Pause | null {
  const found = LINE.exec(line);
  if (found === null) return null;
  return { ended_ms: now_ms, took_ms: Number(found[2]), kind: found[1] === 'Scavenge' ? 'minor' : 'major' };
}

/** Variables by which a program writes each line at once, also into a pipe; by stdbuf of coreutils. */
export function lineByLine(): Record<string, string> {
  const set = execFileSync('stdbuf', ['-oL', 'env'], { encoding: 'utf8' }).split('\n');
  return Object.fromEntries(
    set
      .filter((line) => /^(_STDBUF_O|LD_PRELOAD)=/.test(line))
      .map((line) => line.split(/=(.*)/, 2) as [string, string]),
  );
}
