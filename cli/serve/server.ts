/** The edge without Cloudflare: keeps its workerd processes running, replaces them without losing a request, and does what cron would. */
import { closeSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import { requireSafe } from '../edge/require-safe.ts';
import { EdgeProcesses } from './edge-processes.ts';
import type { ProcessFacts } from './kept-workerd.ts';
import { ListeningPort } from './listening-port.ts';
import { type Role, rolesOf } from './roles.ts';
import { lockState } from './state-lock.ts';
import { nextTraining, nextUpkeep, runAt } from './timetable.ts';
import { readTls, type TlsFiles } from './tls-files.ts';
import { writeWorkerdConfigs } from './workerd-config.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly stateDir: string;
  /** Plain HTTP without. */
  readonly tls: TlsFiles | null;
  readonly vars: Readonly<Record<string, string>>;
  /**
   * Processes that answer the port; 1: everything in one.
   * @default 1
   */
  readonly processes?: number;
  readonly logger: Logger;
  /** Takes the lines of the Workers, JSON each. */
  readonly log: (line: string) => void;
}

/** What cron does on Cloudflare. */
export type Job = 'train' | 'upkeep';

/** Of one generation of processes. */
interface Config {
  readonly folder: string;
  readonly fileOf: (role: Role) => string;
}

export class EdgeServer {
  readonly #options: ServeOptions;
  readonly #lockFd: number;
  readonly #folder: string;
  readonly #port: ListeningPort;
  #generation = 0;
  #config: Config | null = null;
  #processes: EdgeProcesses | null = null;
  #stopping = false;
  /** Reloads and the end, one after another. */
  #changes: Promise<unknown> = Promise.resolve();
  readonly #endTimetable: (() => void)[] = [];

  private constructor(options: ServeOptions, lockFd: number, port: ListeningPort) {
    this.#options = options;
    this.#lockFd = lockFd;
    this.#port = port;
    this.#folder = mkdtempSync(join(tmpdir(), 'vigia-serve-'));
  }

  /** @throws EdgeError where it would be open to anybody, or cannot serve */
  static async start(options: ServeOptions): Promise<EdgeServer> {
    const { host, vars, processes = 1 } = options;
    requireSafe(host, vars);
    const stateDir = resolve(options.stateDir);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const lockFd = lockState(stateDir);
    const port = await ListeningPort.open(host, options.port, processes);
    const server = new EdgeServer({ ...options, stateDir, vars: withEmbedded(vars) }, lockFd, port);
    try {
      const processes = server.#launch(await server.#writeConfig(), port.sockets);
      await processes.start();
      options.logger.info({ event: 'serving', url: server.url, processes: processes.facts });
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
    return `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${this.#port.number}`;
  }

  /** Those that run now; none while they are replaced. */
  get processes(): readonly ProcessFacts[] {
    return this.#processes?.facts ?? [];
  }

  /** @throws Error where the Workers did not do it, or were replaced meanwhile */
  async run(job: Job): Promise<void> {
    const { logger } = this.#options;
    const answer = await this.#processes?.control(`/${job}`).catch(String);
    logger.info({ event: 'processes', processes: this.processes });
    if (answer === 204) return;
    logger.error({ event: 'job_failed', job, answer });
    throw new Error(`${job} failed`);
  }

  /**
   * Replaces every workerd by one with the code, certificate and key that are on disk now. Requests under way finish, and who
   * connects meanwhile waits. What cannot be read leaves the old ones serving. Never throws: what went wrong is logged.
   */
  async reload(): Promise<void> {
    const { logger } = this.#options;
    let began = 0;
    const next = await this.#inTurn(async () => {
      if (this.#stopping) return null;
      let config: Config;
      try {
        config = await this.#writeConfig();
      } catch (error) {
        logger.error({ event: 'reload_failed', message: String(error) });
        return null;
      }
      began = performance.now();
      const { processes = 1 } = this.#options;
      const [old, oldConfig] = [this.#processes, this.#config];
      // Who waits where nobody answers must not be sent away.
      const sockets = old?.answers ? this.#port.add(processes) : [...this.#port.sockets];
      await old?.end();
      this.#port.keepOnly(sockets);
      if (oldConfig !== null) rmSync(oldConfig.folder, { recursive: true, force: true });
      return this.#launch(config, sockets);
    });
    await next?.startUntilTheyServe();
    if (next === null || next !== this.#processes || this.#stopping) return;
    logger.info({ event: 'reloaded', ms: Math.round(performance.now() - began), processes: next.facts });
  }

  /** Lets requests under way finish, within ten seconds, and ends everything. May be called again. */
  async stop(): Promise<void> {
    if (this.#stopping) return void (await this.#changes);
    this.#stopping = true;
    for (const end of this.#endTimetable) end();
    await this.#inTurn(async () => {
      await this.#processes?.end();
      this.#port.close();
      closeSync(this.#lockFd);
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  async #writeConfig(): Promise<Config> {
    const { stateDir, vars, tls, processes = 1 } = this.#options;
    const folder = join(this.#folder, String(this.#generation++));
    const settings = { stateDir, vars, tls: tls === null ? null : readTls(tls) };
    return { folder, fileOf: await writeWorkerdConfigs(folder, rolesOf(processes), settings) };
  }

  #launch(config: Config, sockets: readonly number[]): EdgeProcesses {
    const { vars, log, logger } = this.#options;
    this.#config = config;
    this.#processes = new EdgeProcesses({
      port: this.#port,
      sockets: [...sockets],
      configFileOf: config.fileOf,
      folder: config.folder,
      lockFd: this.#lockFd,
      vars,
      log,
      logger,
    });
    return this.#processes;
  }

  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

/** Without a key no token is asked for, which `requireSafe` leaves to loopback. */
function withEmbedded(vars: Readonly<Record<string, string>>): Record<string, string> {
  return vars.TOKEN_KEY ? { ...vars } : { ...vars, EMBEDDED: 'true' };
}
