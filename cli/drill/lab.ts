/** Two network namespaces and a cable between them, for attacks that reach nobody else; gone when the drill is. */
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { DrillError } from './drill-error.ts';
import { LaidPath } from './laid-path.ts';

export type Side = 'victim' | 'attacker';

/** Addresses of the attacker; a drill may attack from either. */
export const ATTACKERS = ['10.203.0.2', '10.203.0.3'] as const;
export const VICTIM = '10.203.0.1';
/** The victim's end of the cable. */
export const INTERFACE = 'vg-victim';
/** And the attacker's. */
export const FAR_INTERFACE = 'vg-attacker';

/** .ts in a clone, .js in the npm package. */
const PATH = fileURLToPath(new URL(`impaired-path${extname(import.meta.url)}`, import.meta.url));
const PREFIX = 'vigia-drill';
const NAMESPACES = '/run/netns';
/** Where the set-up unpacks programs whose packages would start a service. */
const UNPACKED = fileURLToPath(new URL('../../node_modules/.vigia/usr/sbin', import.meta.url));
const SEARCH_PATH = [process.env.PATH ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', UNPACKED].join(delimiter);

const PACKAGES: Record<string, string> = {
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  sysctl: 'procps',
};
/** Programs whose packages would start a service here, or are large: the tests' set-up has them without that. */
const OF_TESTS: ReadonlySet<string> = new Set(['sshd', 'hydra']);

/** @throws DrillError naming the package of the first tool that is missing */
export function requireTools(tools: readonly string[]): void {
  for (const tool of tools) toolPath(tool);
}

/** @throws DrillError naming the package of the tool where it is missing */
export function toolPath(tool: string): string {
  const folder = SEARCH_PATH.split(delimiter).find((candidate) => existsSync(join(candidate, tool)));
  if (folder !== undefined) return join(folder, tool);
  if (OF_TESTS.has(tool))
    throw new DrillError(
      `${tool} is not here`,
      'As root, in the clone: node setup/setup.mjs test (sshd is only unpacked below node_modules, so that no server starts)',
    );
  throw new DrillError(`${tool} is not installed`, `Install it: apt-get install -y ${PACKAGES[tool] ?? tool}`);
}

export class Lab {
  readonly #names: Record<Side, string>;
  readonly #children = new Set<ChildProcess>();

  /** @throws DrillError without the right to make namespaces */
  constructor() {
    requireTools(['ip', 'nsenter', 'sysctl']);
    sweep();
    this.#names = { victim: `${PREFIX}-${process.pid}-victim`, attacker: `${PREFIX}-${process.pid}-attacker` };
    process.once('exit', this.destroy);
    try {
      this.#build();
    } catch (cause) {
      this.destroy();
      throw new DrillError(
        `the namespaces of the drill cannot be made: ${cause instanceof Error ? cause.message : String(cause)}`,
        'It needs root: sudo npx vigia drill …',
        { cause },
      );
    }
  }

  #build(): void {
    const { victim, attacker } = this.#names;
    for (const [side, name] of [
      ['victim', victim],
      ['attacker', attacker],
    ] as const) {
      ip('netns', 'add', name);
      // Neighbour discovery would be traffic that nobody asked for.
      this.run(side, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('-n', victim, 'link', 'add', INTERFACE, 'type', 'veth', 'peer', 'name', FAR_INTERFACE, 'netns', attacker);
    this.#connect();
  }

  /** Addresses for both ends of what connects them. */
  #connect(): void {
    const { victim, attacker } = this.#names;
    ip('-n', victim, 'address', 'add', `${VICTIM}/24`, 'dev', INTERFACE);
    for (const address of ATTACKERS) ip('-n', attacker, 'address', 'add', `${address}/24`, 'dev', FAR_INTERFACE);
    ip('-n', victim, 'link', 'set', INTERFACE, 'up');
    ip('-n', attacker, 'link', 'set', FAR_INTERFACE, 'up');
  }

  /**
   * Puts a path that can be impaired in the place of the cable; as it is laid it impairs nothing.
   * @throws DrillError where this kernel has no TAP devices
   */
  async layPath(): Promise<LaidPath> {
    const { victim, attacker } = this.#names;
    ip('-n', victim, 'link', 'del', INTERFACE);
    const path = this.start('victim', process.execPath, [PATH, INTERFACE, FAR_INTERFACE], ['pipe', 'pipe', 'pipe']);
    if (!path.stdin || !path.stdout || !path.stderr) throw new TypeError('the path was started without its streams');
    const failure = text(path.stderr);
    await Promise.race([once(path.stdout, 'data'), once(path, 'exit')]);
    if (path.exitCode !== null)
      throw new DrillError(`the path cannot be laid: ${await failure}`, 'It needs TAP devices: modprobe tun');
    ip('-n', victim, 'link', 'set', FAR_INTERFACE, 'netns', attacker);
    this.#connect();
    // With time stamps, TCP throws away itself what a segment sent again has overtaken (RFC 7323, 5.3): lost, though not by the path.
    for (const side of ['victim', 'attacker'] as const) this.run(side, 'sysctl', '-qw', 'net.ipv4.tcp_timestamps=0');
    return new LaidPath(path.stdin, [
      { interface: INTERFACE, run: (...command) => this.run('victim', ...command) },
      { interface: FAR_INTERFACE, run: (...command) => this.run('attacker', ...command) },
    ]);
  }

  /**
   * Runs a command on one side to its end.
   * @throws Error with what it printed on stderr unless it exits with 0
   */
  run(side: Side, command: string, ...args: string[]): void {
    const { status, stderr } = spawnSync(
      'nsenter',
      [`--net=${join(NAMESPACES, this.#names[side])}`, command, ...args],
      {
        encoding: 'utf8',
        env: { ...process.env, PATH: SEARCH_PATH },
      },
    );
    if (status !== 0) throw new Error(`${command}: ${stderr.trim()}`);
  }

  /** Starts a command on one side, in a process group of its own. */
  start(
    side: Side,
    command: string,
    args: readonly string[],
    stdio: StdioOptions = 'ignore',
    env: NodeJS.ProcessEnv = {},
    cwd?: string,
  ): ChildProcess {
    const child = spawn('nsenter', [`--net=${join(NAMESPACES, this.#names[side])}`, command, ...args], {
      stdio,
      detached: true,
      cwd,
      env: { ...process.env, ...env, PATH: SEARCH_PATH },
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Ends what `start` began, if it still runs. */
  end({ pid, exitCode, signalCode }: ChildProcess): void {
    if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid);
  }

  /** Ends every process of the lab and takes it down; may be called again. */
  readonly destroy = (): void => {
    for (const { pid } of this.#children) if (pid !== undefined) killGroup(pid);
    for (const name of Object.values(this.#names)) remove(name);
    process.removeListener('exit', this.destroy);
  };
}

/** Takes down what a drill left that was killed before it could. */
function sweep(): void {
  if (!existsSync(NAMESPACES)) return;
  for (const name of readdirSync(NAMESPACES)) {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) remove(name);
  }
}

function remove(name: string): void {
  if (!existsSync(join(NAMESPACES, name))) return;
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], {
    encoding: 'utf8',
    env: { ...process.env, PATH: SEARCH_PATH },
  });
  for (const pid of (stdout ?? '').split('\n').map(Number)) if (pid > 0 && pid !== process.pid) kill(pid);
  spawnSync('ip', ['netns', 'del', name], { env: { ...process.env, PATH: SEARCH_PATH } });
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8', env: { ...process.env, PATH: SEARCH_PATH } });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

const killGroup = (pid: number): void => kill(-pid);

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
