/** One workerd as `vigia serve` starts it, without its supervisor: for what happens within the process, and for its start. */
import { closeSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ListeningPort } from '../../cli/serve/listening-port.ts';
import { lockState } from '../../cli/serve/state-lock.ts';
import { writeWorkerdConfigs } from '../../cli/serve/workerd-config.ts';
import { WorkerdProcess } from '../../cli/serve/workerd-process.ts';
import { withStateDir } from './served-edge.ts';

export interface BareWorkerd {
  readonly url: string;
  readonly pid: number;
}

export interface Launcher {
  /** Runs `use` beside a workerd of its own. */
  run<T>(use: (workerd: BareWorkerd) => Promise<T>): Promise<T>;
}

/**
 * Writes the configuration once, so that what is timed is workerd alone.
 * @param v8Flags beside those of the edge, such as --trace-gc
 * @param log takes the lines of workerd
 */
export async function withLauncher<T>(
  stateDir: string,
  vars: Readonly<Record<string, string>>,
  use: (launcher: Launcher) => Promise<T>,
  { v8Flags = [], log = () => undefined }: { v8Flags?: readonly string[]; log?: (line: string) => void } = {},
): Promise<T> {
  return withStateDir(async (folder) => {
    const controlPath = join(folder, 'control.sock');
    const configFile = (await writeWorkerdConfigs(folder, ['edge'], { stateDir, vars, tls: null }))('edge');
    const flags = v8Flags.map((flag) => `${JSON.stringify(flag)}, `).join('');
    await writeFile(configFile, (await readFile(configFile, 'utf8')).replace('v8Flags = [', `v8Flags = [${flags}`));
    const lockFd = lockState(stateDir);
    try {
      return await use({
        run: async (work) => {
          const port = await ListeningPort.open('127.0.0.1', 0, 1);
          await rm(controlPath, { force: true });
          const [listeningFd = -1] = port.sockets;
          const paths = { control: controlPath, objects: '', training: '' };
          const launch = { role: 'edge', configFile, paths, listeningFd, lockFd, vars, log } as const;
          try {
            const workerd = await WorkerdProcess.start(launch);
            try {
              return await work({ url: `http://127.0.0.1:${port.number}`, pid: workerd.pid });
            } finally {
              process.kill(workerd.pid, 'SIGKILL');
              await workerd.ended;
            }
          } finally {
            port.close();
          }
        },
      });
    } finally {
      closeSync(lockFd);
    }
  });
}
