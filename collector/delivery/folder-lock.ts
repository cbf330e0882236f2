/** One collector a spool folder: a lock file with the process id, taken over from a process that is gone. */
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
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const pid = Number(readFileSync(file, 'utf8'));
    if (pid !== process.pid && isCollector(pid)) throw new FolderInUseError(folder, pid);
    writeFileSync(file, String(process.pid));
  }
  return () => rmSync(file, { force: true });
}

/** A process id may have gone to another program since. */
function isCollector(pid: number): boolean {
  const commandLine = `/proc/${pid}/cmdline`;
  return (
    Number.isInteger(pid) && pid > 0 && existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes('node')
  );
}
