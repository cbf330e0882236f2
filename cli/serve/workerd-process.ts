/** One run of workerd: started on a socket that is open already, asked over its control socket, ended without cutting a request. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { EdgeError } from '../edge/edge-error.ts';
import { asJsonLine } from '../edge/json-line.ts';
import { watchOver } from '../edge/watchdog.ts';
import { CONTROL_SOCKET, PUBLIC_SOCKET } from './workerd-config.ts';

const { default: WORKERD }: { default: string } = createRequire(import.meta.url)('workerd');
const START_TIMEOUT_MS = 30_000;
/** Requests wait this long, so that each connection in use has one under way when workerd is told to end. */
const HOLD_MS = 300;
/** Descriptors of the child. */
const PUBLIC_FD = 3;
const REPORT_FD = 4;

export interface WorkerdLaunch {
  readonly configFile: string;
  /** A Unix socket that only this user reaches. */
  readonly controlPath: string;
  readonly listeningFd: number;
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
  readonly #controlPath: string;

  private constructor(child: ChildProcess, pid: number, controlPath: string) {
    this.#child = child;
    this.#controlPath = controlPath;
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
    const child = spawn(
      WORKERD,
      [
        'serve',
        launch.configFile,
        `--socket-fd=${PUBLIC_SOCKET}=${PUBLIC_FD}`,
        `--socket-addr=${CONTROL_SOCKET}=unix:${launch.controlPath}`,
        `--control-fd=${REPORT_FD}`,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe', launch.listeningFd, 'pipe', launch.lockFd],
        env: { ...launch.vars },
        // Out of the terminal's process group: Ctrl-C is for the supervisor, who lets requests finish.
        detached: true,
      },
    );
    const failed = once(child, 'error');
    if (child.pid === undefined) throw new EdgeError(`workerd does not run: ${String(await failed)}`, 'Install again');
    failed.catch(() => undefined);
    const workerd = new WorkerdProcess(child, child.pid, launch.controlPath);
    for (const output of [child.stdout, child.stderr]) if (output !== null) passOn(output, launch.log);
    // Whole once the last socket is reported.
    const report = child.stdio[REPORT_FD];
    const serving = new Promise<true>((resolve) => {
      let reported = '';
      report?.on('data', (chunk: Buffer) => {
        reported += chunk.toString();
        if ([PUBLIC_SOCKET, CONTROL_SOCKET].every((name) => reported.includes(`"socket":"${name}"`))) resolve(true);
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
      const asked = request({ socketPath: this.#controlPath, path, method: 'POST', agent: false }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
        answer.on('error', reject);
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  /**
   * Lets requests under way finish, and ends it; kills it where that takes longer than `within_ms`.
   * @returns whether every request finished
   */
  async drain(within_ms: number): Promise<boolean> {
    await this.control(`/hold?ms=${HOLD_MS}`).catch(() => undefined); // one that hangs is ended all the same
    await Promise.race([this.ended, sleep(HOLD_MS - 50)]);
    this.#child.kill('SIGTERM');
    const bound = new AbortController();
    const late = sleep(within_ms, 'late', { signal: bound.signal }).catch(() => 'ended');
    const outcome = await Promise.race([this.ended, late]);
    bound.abort();
    if (outcome !== 'late') return true;
    this.#child.kill('SIGKILL');
    await this.ended;
    return false;
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
