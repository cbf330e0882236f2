/** The processes of one edge, in the order in which they need each other: those that answer the port start last and end first. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { varsOfTrain } from '../edge/storage-variables.ts';
import { KeptWorkerd, type ProcessFacts } from './kept-workerd.ts';
import type { ListeningPort } from './listening-port.ts';
import type { Role } from './roles.ts';
import type { WorkerdLaunch } from './workerd-process.ts';

export interface EdgeLaunch extends Pick<WorkerdLaunch, 'lockFd' | 'vars' | 'log'> {
  readonly port: ListeningPort;
  /** Of the port, one for each process that answers it; where it is one, everything is in that process. */
  readonly sockets: readonly number[];
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
  readonly #port: ListeningPort;

  constructor(launch: EdgeLaunch) {
    this.#port = launch.port;
    const kept = (role: Role, name: string = role, fd: number | null = null): KeptWorkerd =>
      new KeptWorkerd(name, launchOf(role, name, launch, fd), launch.logger, () => this.#leadConnections());
    const [first, ...more] = launch.sockets;
    if (more.length === 0) {
      this.#state = kept('edge', 'edge', first);
      this.#front = [this.#state];
    } else {
      this.#state = kept('state');
      this.#training = kept('training');
      this.#front = launch.sockets.map((fd, index) => kept('scorer', `scorer-${index + 1}`, fd));
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

  /** To those that can answer; where none can, all may have connections wait. */
  #leadConnections(): void {
    const present = this.#front.filter(({ isAway }) => !isAway);
    const socketsOf = (processes: readonly KeptWorkerd[]): number[] =>
      processes.map(({ listeningFd }) => listeningFd).filter((fd) => fd !== null);
    this.#port.steer(socketsOf(present.length > 0 ? present : this.#front));
  }

  /** What those that answer the port call. */
  get #behind(): readonly KeptWorkerd[] {
    return this.#training === null ? [] : [this.#state, this.#training];
  }
}

function launchOf(role: Role, name: string, launch: EdgeLaunch, listeningFd: number | null): WorkerdLaunch {
  const { folder, configFileOf, lockFd, vars, log } = launch;
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
