/** One line that says on what machine a figure was measured. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

export function machine(): string {
  const revision = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  const [cpu] = cpus();
  const memory_GiB = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} x ${cpu?.model ?? 'unknown CPU'}, ${memory_GiB} GiB, Linux ${release()}, Node ${process.versions.node}, Vigía ${revision}`;
}
