/** One collector a spool folder: a lock file that names its process, taken over from one that is gone. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another collector runs on the same folder. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  readonly folder: string;
  readonly pid: number;

  constructor(folder: string, pid: number) {
    super(`${folder} is in use by process ${pid}; stop that collector, or give this one another --spool folder`);
    this.folder = folder;
    this.pid = pid;
  }
}

/**
 * @returns what gives the folder free again
 * @throws FolderInUseError
 */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock');
  const own = `${process.pid} ${startOf(process.pid)}`;
  try {
    writeFileSync(file, own, { flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const [pid = '', start = ''] = readFileSync(file, 'utf8').split(' ');
    if (start !== '' && startOf(Number(pid)) === start) throw new FolderInUseError(folder, Number(pid));
    writeFileSync(file, own);
  }
  return () => rmSync(file, { force: true });
}

/** When the process was started, in ticks since boot: a process id alone may have gone to another program. Field 22 of proc_pid_stat(5). */
function startOf(pid: number): string {
  const file = `/proc/${pid}/stat`;
  if (!Number.isInteger(pid) || pid <= 0 || !existsSync(file)) return 'gone';
  const text = readFileSync(file, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown';
}
