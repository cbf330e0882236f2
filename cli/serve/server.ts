/** The edge without Cloudflare: keeps one workerd running, replaces it without losing a request, and does what cron would. */
import { closeSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { requireSafe } from '../edge/require-safe.ts';
import { ListeningSocket } from './listening-socket.ts';
import { lockState } from './state-lock.ts';
import { nextTraining, nextUpkeep, runAt } from './timetable.ts';
import { readTls, type TlsFiles } from './tls-files.ts';
import { writeWorkerdConfig } from './workerd-config.ts';
import { WorkerdProcess } from './workerd-process.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly stateDir: string;
  /** Plain HTTP without. */
  readonly tls: TlsFiles | null;
  readonly vars: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** Takes the lines of the Workers, JSON each. */
  readonly log: (line: string) => void;
}

/** What cron does on Cloudflare. */
export type Job = 'train' | 'upkeep';

/** Requests under way get this long when workerd is replaced or ended; connections made meanwhile wait. */
const DRAIN_MS = 10_000;
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
/** A workerd that ran this long had no trouble to start. */
const STEADY_MS = 60_000;

export class EdgeServer {
  readonly #options: ServeOptions;
  readonly #lockFd: number;
  readonly #folder: string;
  #socket: ListeningSocket;
  #configFile = '';
  #generation = 0;
  #workerd: WorkerdProcess | null = null;
  #stopping = false;
  /** Restarts and reloads, one after another. */
  #changes: Promise<unknown> = Promise.resolve();
  #backoff_ms = FIRST_BACKOFF_MS;
  #startedAt = 0;
  readonly #endTimetable: (() => void)[] = [];

  private constructor(options: ServeOptions, lockFd: number, socket: ListeningSocket) {
    this.#options = options;
    this.#lockFd = lockFd;
    this.#socket = socket;
    this.#folder = mkdtempSync(join(tmpdir(), 'vigia-serve-'));
  }

  /** @throws EdgeError where it would be open to anybody, or cannot serve */
  static async start(options: ServeOptions): Promise<EdgeServer> {
    const { host, port, vars } = options;
    requireSafe(host, vars);
    const stateDir = resolve(options.stateDir);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const lockFd = lockState(stateDir);
    const socket = await ListeningSocket.open(host, port);
    const server = new EdgeServer({ ...options, stateDir, vars: withEmbedded(vars) }, lockFd, socket);
    try {
      server.#configFile = await server.#writeConfig();
      await server.#startWorkerd();
    } catch (error) {
      await server.stop();
      throw error;
    }
    server.#endTimetable.push(
      runAt(nextTraining, () => server.run('train')),
      runAt(nextUpkeep, () => server.run('upkeep')),
    );
    return server;
  }

  /** Where it serves, such as https://127.0.0.1:8787, without a slash at the end. */
  get url(): string {
    const { host, tls } = this.#options;
    return `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${this.#socket.port}`;
  }

  /** Of the workerd that serves now; null while there is none. */
  get workerdPid(): number | null {
    return this.#workerd?.pid ?? null;
  }

  /** @throws Error where the Workers did not do it, or were replaced meanwhile */
  async run(job: Job): Promise<void> {
    const status = await this.#workerd?.control(`/${job}`).catch(String);
    if (status === 204) return;
    this.#options.logger.error({ event: 'job_failed', job, answer: status ?? 'workerd is not running' });
    throw new Error(`${job} failed`);
  }

  /**
   * Replaces workerd by one with the code, certificate and key that are on disk now. Requests under way finish, and who connects
   * meanwhile waits. What cannot be read leaves the old one serving. Never throws: what went wrong is logged.
   */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      let configFile: string;
      try {
        configFile = await this.#writeConfig();
      } catch (error) {
        this.#options.logger.error({ event: 'reload_failed', message: String(error) });
        return;
      }
      this.#configFile = configFile;
      const [old, socket] = [this.#workerd, this.#socket];
      if (old === null) return; // it is about to be started anyhow
      this.#workerd = null;
      this.#socket = socket.successor();
      const began = performance.now();
      await this.#drain(old);
      socket.close();
      await this.#startUntilItServes();
      if (this.#stopping) return;
      this.#options.logger.info({ event: 'reloaded', pid: this.workerdPid, ms: Math.round(performance.now() - began) });
    });
  }

  /** Lets requests under way finish, within ten seconds, and ends everything. May be called again. */
  async stop(): Promise<void> {
    if (this.#stopping) return void (await this.#changes);
    this.#stopping = true;
    for (const end of this.#endTimetable) end();
    await this.#inTurn(async () => {
      if (this.#workerd !== null) await this.#drain(this.#workerd);
      this.#socket.close();
      closeSync(this.#lockFd);
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  async #writeConfig(): Promise<string> {
    const { stateDir, vars, tls } = this.#options;
    this.#generation++;
    const folder = join(this.#folder, String(this.#generation));
    const file = await writeWorkerdConfig(folder, { stateDir, vars, tls: tls === null ? null : readTls(tls) });
    rmSync(join(this.#folder, String(this.#generation - 1)), { recursive: true, force: true });
    return file;
  }

  async #startWorkerd(): Promise<void> {
    const { vars, log, logger } = this.#options;
    const controlPath = join(this.#folder, 'control.sock');
    rmSync(controlPath, { force: true });
    const workerd = await WorkerdProcess.start({
      configFile: this.#configFile,
      controlPath,
      listeningFd: this.#socket.fd,
      lockFd: this.#lockFd,
      vars,
      log,
    });
    this.#workerd = workerd;
    this.#startedAt = performance.now();
    void workerd.ended.then((end) => {
      if (this.#workerd !== workerd || this.#stopping) return;
      this.#workerd = null;
      logger.error({ event: 'workerd_ended', pid: workerd.pid, ...end });
      void this.#inTurn(() => this.#startUntilItServes());
    });
  }

  async #drain(workerd: WorkerdProcess): Promise<void> {
    const { logger } = this.#options;
    logger.info({ event: 'draining', pid: workerd.pid });
    if (!(await workerd.drain(DRAIN_MS))) logger.warn({ event: 'requests_cut', after_ms: DRAIN_MS });
  }

  async #startUntilItServes(): Promise<void> {
    if (performance.now() - this.#startedAt > STEADY_MS) this.#backoff_ms = FIRST_BACKOFF_MS;
    while (!this.#stopping && this.#workerd === null) {
      try {
        await this.#startWorkerd();
        this.#options.logger.info({ event: 'workerd_started', pid: this.workerdPid });
      } catch (error) {
        const wait_ms = this.#backoff_ms;
        this.#options.logger.error({ event: 'workerd_not_started', message: String(error), again_in_ms: wait_ms });
        this.#backoff_ms = Math.min(LONGEST_BACKOFF_MS, 2 * wait_ms);
        await sleep(wait_ms);
      }
    }
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

/** Without a key no token is asked for, which `requireSafe` leaves to loopback. */
function withEmbedded(vars: Readonly<Record<string, string>>): Record<string, string> {
  return vars.TOKEN_KEY ? { ...vars } : { ...vars, EMBEDDED: 'true' };
}
