/** A control group of a test, under the names of cgroup v2, for the limits that systemd sets for a unit. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** How long the kernel may take to reap what was in a group. */
const EMPTY_WITHIN_MS = 5000;

type Controller = 'cpu' | 'pids';

/** Where the groups of a controller are: in the one tree of v2, or in a tree of its own (v1). */
const treeOf = (controller: Controller): string =>
  existsSync(join(ROOT, 'cgroup.controllers')) ? ROOT : join(ROOT, controller);

/** @returns why there can be none, or '' */
export function groupsMissing(...controllers: Controller[]): string {
  const absent = controllers.filter((controller) => {
    const offered = join(treeOf(controller), 'cgroup.subtree_control');
    return existsSync(offered)
      ? !readFileSync(offered, 'utf8').split(/\s/).includes(controller)
      : !existsSync(join(treeOf(controller), 'cgroup.procs'));
  });
  return absent.length > 0 ? `needs the control groups ${absent.join(', ')}` : '';
}

export class ControlGroup {
  readonly #folder: string;

  constructor(controller: Controller, name: string) {
    this.#folder = join(treeOf(controller), name);
    mkdirSync(this.#folder);
  }

  /** Moves a process with all its threads; what it starts from then on belongs to the group too. */
  add(pid: number): void {
    writeFileSync(join(this.#folder, 'cgroup.procs'), String(pid));
  }

  /** @param share of one processor; null: as much as there is */
  limitCpu(share: number | null): void {
    const period_us = 100_000;
    const quota_us = share === null ? null : Math.round(share * period_us);
    if (existsSync(join(this.#folder, 'cpu.max')))
      writeFileSync(join(this.#folder, 'cpu.max'), `${quota_us ?? 'max'} ${period_us}`);
    else writeFileSync(join(this.#folder, 'cpu.cfs_quota_us'), String(quota_us ?? -1));
  }

  /** How many periods ended with somebody who had to wait. */
  get throttledPeriods(): number {
    return Number(/^nr_throttled (\d+)$/m.exec(readFileSync(join(this.#folder, 'cpu.stat'), 'utf8'))?.[1]);
  }

  /** Processes and threads at most. */
  limitTasks(most: number): void {
    writeFileSync(join(this.#folder, 'pids.max'), String(most));
  }

  get tasks(): number {
    return Number(readFileSync(join(this.#folder, 'pids.current'), 'utf8'));
  }

  /** To be called when everything in it has ended. */
  async remove(): Promise<void> {
    const until_ms = performance.now() + EMPTY_WITHIN_MS;
    while (readFileSync(join(this.#folder, 'cgroup.procs'), 'utf8') !== '' && performance.now() < until_ms)
      await sleep(20);
    rmdirSync(this.#folder);
  }
}
