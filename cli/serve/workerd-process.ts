/** One run of workerd: started on a socket that is open already, asked over its control socket, ended without cutting a request. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { EdgeError } from '../edge/edge-error.ts';
import { asJsonLine } from '../edge/json-line.ts';
import { watchOver } from '../edge/watchdog.ts';
import { type PeerName, ROLES, type Role, type SocketName } from './roles.ts';

const { default: WORKERD }: { default: string } = createRequire(import.meta.url)('workerd');
const START_TIMEOUT_MS = 30_000;
/** Requests wait this long, so that each connection in use has one under way when workerd is told to end. */
const HOLD_MS = 300;
/** Descriptors of the child. */
const PUBLIC_FD = 3;
const REPORT_FD = 4;

export interface WorkerdLaunch {
  readonly role: Role;
  readonly configFile: string;
  /** Unix sockets that only this user reaches, those of other processes too. */
  readonly paths: Readonly<Record<Exclude<SocketName, 'public'>, string>>;
  /** The socket `public`, for the roles that have it. */
  readonly listeningFd: number | null;
  readonly lockFd: number;
  readonly vars: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
}

export type WorkerdEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export class WorkerdProcess {
  readonly pid: number;
  /** Resolves once it is gone. */
  readonly ended: Promise<WorkerdEnd>;
  readonly #child: ChildProcess;
  readonly #launch: WorkerdLaunch;

  private constructor(child: ChildProcess, pid: number, launch: WorkerdLaunch) {
    this.#child = child;
    this.#launch = launch;
    this.pid = pid;
    const callOff = watchOver([pid]);
    this.ended = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        callOff();
        resolve({ code, signal });
      }),
    );
  }

  /** @throws EdgeError where it ends before it serves; its own words are in the log */
  static async start(launch: WorkerdLaunch): Promise<WorkerdProcess> {
    const { paths } = launch;
    const sockets: readonly SocketName[] = ROLES[launch.role].sockets;
    const peers: readonly PeerName[] = ROLES[launch.role].peers;
    for (const name of sockets) if (name !== 'public') rmSync(paths[name], { force: true });
    const child = spawn(
      WORKERD,
      [
        'serve',
        launch.configFile,
        ...sockets.map((name) =>
          name === 'public' ? `--socket-fd=public=${PUBLIC_FD}` : `--socket-addr=${name}=unix:${paths[name]}`,
        ),
        ...peers.map((name) => `--external-addr=${name}=unix:${paths[name]}`),
        `--control-fd=${REPORT_FD}`,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe', launch.listeningFd ?? 'ignore', 'pipe', launch.lockFd],
        env: { ...launch.vars },
        // Out of the terminal's process group: Ctrl-C is for the supervisor, who lets requests finish.
        detached: true,
      },
    );
    const failed = once(child, 'error');
    if (child.pid === undefined) throw new EdgeError(`workerd does not run: ${String(await failed)}`, 'Install again');
    const workerd = new WorkerdProcess(child, child.pid, launch);
    for (const output of [child.stdout, child.stderr]) if (output !== null) passOn(output, launch.log);
    // Whole once the last socket is reported.
    const report = child.stdio[REPORT_FD];
    const serving = new Promise<true>((resolve) => {
      let reported = '';
      report?.on('data', (chunk: Buffer) => {
        reported += chunk.toString();
        if (sockets.every((name) => reported.includes(`"socket":"${name}"`))) resolve(true);
      });
    });
    const patience = new AbortController();
    const outcome = await Promise.race([
      serving,
      workerd.ended,
      sleep(START_TIMEOUT_MS, null, { signal: patience.signal }).catch(() => null),
    ]);
    patience.abort();
    if (outcome === true) return workerd;
    child.kill('SIGKILL');
    const what = outcome === null ? `did not serve within ${START_TIMEOUT_MS} ms` : 'ended before it served';
    throw new EdgeError(`workerd ${what}`, 'The lines of the log before this one say why');
  }

  /** Asks its control entry; resolves with the status. */
  control(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const asked = request(
        { socketPath: this.#launch.paths.control, path, method: 'POST', agent: false },
        (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
          answer.on('error', reject);
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  }

  /**
   * Lets requests under way finish, and ends it; kills it where that takes longer than `within_ms`. A process that others have
   * called ends once they are gone.
   * @returns whether every request finished
   */
  async drain(within_ms: number): Promise<boolean> {
    const sockets: readonly SocketName[] = ROLES[this.#launch.role].sockets;
    if (sockets.includes('public')) {
      await this.control(`/hold?ms=${HOLD_MS}`).catch(() => undefined); // one that hangs is ended all the same
      await Promise.race([this.ended, sleep(HOLD_MS - 50)]);
    }
    this.#child.kill('SIGTERM');
    const bound = new AbortController();
    const late = sleep(within_ms, 'late', { signal: bound.signal }).catch(() => 'ended');
    const outcome = await Promise.race([this.ended, late]);
    bound.abort();
    if (outcome !== 'late') return true;
    await this.kill();
    return false;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Memory that it takes now; null where it is gone. */
  get rss_bytes(): number | null {
    try {
      const [, rss_KiB] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
      return rss_KiB === undefined ? null : Number(rss_KiB) * 1024;
    } catch {
      return null;
    }
  }
}

/** What it writes is JSON of the runtime (`structuredLogging`) around the lines of the Workers. */
function passOn(output: Readable, log: (line: string) => void): void {
  createInterface({ input: output }).on('line', (line) => {
    const { level, message } = runtimeLine(line);
    log(asJsonLine(level, message));
  });
}

function runtimeLine(line: string): { level: string; message: string } {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null && 'level' in parsed && 'message' in parsed)
      return { level: String(parsed.level), message: String(parsed.message) };
  } catch {
    // a line of the runtime that is no JSON
  }
  return { level: 'error', message: line };
}
