/** The processes of one edge, in the order in which they need each other: those that answer the port start last and end first. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { varsOfTrain } from '../edge/storage-variables.ts';
import { KeptWorkerd, type ProcessFacts } from './kept-workerd.ts';
import type { Role } from './roles.ts';
import type { WorkerdLaunch } from './workerd-process.ts';

export interface EdgeLaunch extends Pick<WorkerdLaunch, 'listeningFd' | 'lockFd' | 'vars' | 'log'> {
  /** So many answer the port; 1: everything in one process. */
  readonly scorers: number;
  readonly configFileOf: (role: Role) => string;
  /** For Unix sockets; nobody else may look into it. */
  readonly folder: string;
  readonly logger: Logger;
}

export class EdgeProcesses {
  /** Holds the Durable Objects. */
  readonly #state: KeptWorkerd;
  /** Null: within the other. */
  readonly #training: KeptWorkerd | null = null;
  /** Answer the port. */
  readonly #front: readonly KeptWorkerd[];

  constructor(launch: EdgeLaunch) {
    const kept = (role: Role, name: string = role): KeptWorkerd =>
      new KeptWorkerd(name, launchOf(role, name, launch), launch.logger);
    if (launch.scorers === 1) {
      this.#state = kept('edge');
      this.#front = [this.#state];
    } else {
      this.#state = kept('state');
      this.#training = kept('training');
      this.#front = Array.from({ length: launch.scorers }, (_, index) => kept('scorer', `scorer-${index + 1}`));
    }
  }

  get facts(): ProcessFacts[] {
    return [...this.#behind, ...this.#front].map(({ facts }) => facts);
  }

  /** Whether any of them accepts connections. */
  get answers(): boolean {
    return this.#front.some(({ facts }) => facts.pid !== null);
  }

  /** Tries once. @throws EdgeError where one does not serve; the others must be ended then */
  async start(): Promise<void> {
    await Promise.all(this.#behind.map((process) => process.start()));
    await Promise.all(this.#front.map((process) => process.start()));
  }

  /** Returns once all of them serve, or were told to end. */
  async startUntilTheyServe(): Promise<void> {
    await Promise.all(this.#behind.map((process) => process.startUntilItServes()));
    await Promise.all(this.#front.map((process) => process.startUntilItServes()));
  }

  /** Asks the control entry beside the Durable Objects. @throws Error where it is not running, or ends meanwhile */
  control(path: string): Promise<number> {
    return this.#state.control(path);
  }

  /** Ends them for good: requests under way finish, within ten seconds. */
  async end(): Promise<void> {
    await Promise.all(this.#front.map((process) => process.end()));
    // It and the state call each other, and neither ends while the other can: a training that is cut is made again.
    await this.#training?.kill();
    await Promise.all(this.#behind.map((process) => process.end()));
  }

  /** What those that answer the port call. */
  get #behind(): readonly KeptWorkerd[] {
    return this.#training === null ? [] : [this.#state, this.#training];
  }
}

function launchOf(role: Role, name: string, { folder, configFileOf, vars, ...launch }: EdgeLaunch): WorkerdLaunch {
  const { listeningFd, lockFd, log } = launch;
  const at = (socket: string): string => join(folder, `${socket}.sock`);
  return {
    role,
    configFile: configFileOf(role),
    paths: { control: at(`control-${name}`), objects: at('objects'), training: at('training') },
    listeningFd,
    lockFd,
    vars: role === 'training' ? varsOfTrain(vars) : vars,
    log,
  };
}
