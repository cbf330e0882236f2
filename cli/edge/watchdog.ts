/** Ends workerd when this process dies without a word: nothing may hold the port and the state of an edge that is gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Process ids of the workerd processes that this process started; empty where there is no /proc to ask. */
export function workerdChildren(): number[] {
  try {
    return readdirSync('/proc/self/task')
      .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '))
      .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'workerd')
      .map(Number);
  } catch {
    return []; // not Linux, or a child that ended while we looked: the runtime's own exit hook must do
  }
}

/**
 * Starts a shell that waits for the end of its standard input, which the kernel closes when this process is gone.
 * @returns a function that calls the watch off
 */
export function watchOver(pids: readonly number[]): () => void {
  if (pids.length === 0) return () => {};
  const shell: ChildProcess = spawn(
    '/bin/sh',
    ['-c', 'read -r _; kill -9 "$@" 2>/dev/null', 'vigia-watchdog', ...pids.map(String)],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Out of the terminal's process group: Ctrl-C must not end the watch before the watched.
      detached: true,
    },
  );
  shell.on('error', () => {}); // without a shell there is no watch, and the exit hook must do
  shell.unref();
  return () => void shell.kill('SIGKILL');
}
