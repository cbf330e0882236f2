/** What the kernel counts of a process: processor time, time it waited for a processor, and what the machine did meanwhile. */
import { readFileSync } from 'node:fs';

/** USER_HZ: /proc counts in hundredths of a second on every architecture that Node runs on. */
const TICK_MS = 10;

/** User and system time of all threads of a process so far. */
export function cpu_ms(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

export interface ThreadTimes {
  readonly ran_ms: number;
  /** Ready to run, while other processes had the processors. */
  readonly waited_ms: number;
  /** Now: it sleeps and no signal wakes it (state D). */
  readonly onDisk: boolean;
}

/** Of the first thread, which runs workerd's Workers. Documentation/scheduler/sched-stats.rst */
export function threadTimes(pid: number): ThreadTimes {
  const thread = `/proc/${pid}/task/${pid}`;
  const [ran = 0, waited = 0] = readFileSync(`${thread}/schedstat`, 'utf8').split(' ').map(Number);
  const onDisk = /^.*\) D /.test(readFileSync(`${thread}/stat`, 'utf8'));
  return { ran_ms: ran / 1e6, waited_ms: waited / 1e6, onDisk };
}

/** Time that the host of this virtual machine gave to others, of all processors so far. */
export function steal_ms(): number {
  return TICK_MS * Number(readFileSync('/proc/stat', 'utf8').split(/\s+/, 9)[8]);
}
