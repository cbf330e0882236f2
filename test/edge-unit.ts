/** systemd's part for infra/vigia-edge.service in tests: starts, reloads and ends what the installed unit says, with its variables. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Serving, startServing } from './serve-fixture.ts';
import { complaintsAboutUnit } from './systemd-unit.ts';

/** What a service finds there by itself. */
const SYSTEMD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';

export interface EdgeUnitOptions {
  /** Where `systemctl` finds units. */
  readonly unitFolder: string;
  /** What the paths of the unit are here. */
  readonly place: (text: string) => string;
  /** Besides those of its EnvironmentFile. */
  readonly vars: Record<string, string>;
}

export class EdgeUnit {
  readonly #options: EdgeUnitOptions;
  #serving: Serving | null = null;

  constructor(options: EdgeUnitOptions) {
    this.#options = options;
  }

  /** The service that runs; throws where there is none. */
  get serving(): Serving {
    if (this.#serving === null) throw new Error('vigia-edge does not run');
    return this.#serving;
  }

  /** @param line `systemctl VERB …`, of which every verb must be known here */
  async systemctl(line: string): Promise<void> {
    const [verb = ''] = line.replace(/^systemctl\s+/, '').split(' ');
    if (verb === 'daemon-reload') return this.#verify();
    if (!line.endsWith(' vigia-edge')) throw new Error(`no such unit: ${line}`);
    if (verb === 'enable' || verb === 'start') return this.#start();
    if (verb === 'disable' || verb === 'stop') return this.stop();
    if (verb === 'status') return void this.serving;
    if (verb === 'reload') return this.#reload();
    if (verb !== 'restart') throw new Error(`not known here: ${line}`);
    await this.stop();
    await this.#start();
  }

  async stop(): Promise<void> {
    await this.#serving?.stop();
    this.#serving = null;
  }

  async #start(): Promise<void> {
    if (this.#serving !== null) throw new Error('vigia-edge runs already');
    const [command = '', ...args] = this.#setting('ExecStart').split(' ');
    // StateDirectory= with DynamicUser=: the folder stands below /var/lib/private, with a link to it.
    const [state, link] = ['/var/lib/private/vigia-edge', '/var/lib/vigia-edge'].map(this.#options.place);
    if (state === undefined || link === undefined) throw new TypeError('no state folder');
    spawnSync('mkdir', ['-p', '-m', '700', state]);
    if (!existsSync(link)) symlinkSync(state, link);
    const vars = { PATH: SYSTEMD_PATH, ...this.#variables(), ...this.#options.vars };
    this.#serving = await startServing(command, args, vars, '/'); // the unit names no WorkingDirectory
  }

  async #reload(): Promise<void> {
    const signal = /^\/bin\/kill -(\w+) \$MAINPID$/.exec(this.#setting('ExecReload'))?.[1];
    if (signal !== 'HUP') throw new Error('the unit reloads by SIGHUP');
    const before = this.serving.events.filter(({ event }) => event === 'reloaded').length;
    this.serving.process.kill('SIGHUP');
    await this.serving.logged('reloaded', before + 1);
  }

  #setting(name: string): string {
    const unit = readFileSync(join(this.#options.unitFolder, 'vigia-edge.service'), 'utf8');
    const value = new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1];
    if (value === undefined) throw new Error(`the unit has no ${name}`);
    return this.#options.place(value);
  }

  #variables(): Record<string, string> {
    const lines = readFileSync(this.#setting('EnvironmentFile'), 'utf8').split('\n');
    const pairs = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(/=(.*)/s));
    return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
  }

  #verify(): void {
    const unit = join(this.#options.unitFolder, 'vigia-edge.service');
    if (!existsSync(unit)) return;
    const dropIns = globSync(`${unit}.d/*.conf`).map((file) => readFileSync(file, 'utf8'));
    const complaints = complaintsAboutUnit(unit, dropIns);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  }
}
