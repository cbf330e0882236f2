/** Everything of a drill but the attack: the victim with its services, edge, collector and webhook receiver, and ordinary visitors. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { type Attack, DROP_PORT } from './attacks.ts';
import { DrillError } from './drill-error.ts';
import type { Impairment } from './impaired-path.ts';
import { INTERFACE, Lab, VICTIM } from './lab.ts';
import type { Impairer, LaidPath } from './laid-path.ts';
import { loggedWindows } from './measured-path.ts';
import { hurry } from './real-time.ts';
import { startSshServer } from './ssh-server.ts';

/** .ts in a clone, .js in the npm package. */
const SUFFIX = extname(import.meta.url);
const VIGIA = fileURLToPath(new URL(`../vigia${SUFFIX}`, import.meta.url));
const RECEIVER = fileURLToPath(new URL(`receiver${SUFFIX}`, import.meta.url));
const WEBHOOK_PORT = 9099;
const WEB_PORT = 80;
const READY_WITHIN_MS = 30_000;

/** A line of the collector's log, or of the webhook receiver. */
export type OnLine = (line: Record<string, unknown>) => void;

export class Stage {
  readonly lab = new Lab();
  readonly folder = mkdtempSync(join(tmpdir(), 'vigia-drill-'));
  readonly #attack: Attack;
  readonly #onLog: OnLine;
  readonly #onWebhook: OnLine;
  #path: LaidPath | null = null;

  constructor(attack: Attack, onLog: OnLine, onWebhook: OnLine) {
    this.#attack = attack;
    this.#onLog = onLog;
    this.#onWebhook = onWebhook;
  }

  /** @throws DrillError where a part does not start */
  async open(): Promise<void> {
    const secret = `whsec_${randomBytes(24).toString('base64')}`;
    const receiver = this.lab.start(
      'victim',
      process.execPath,
      [RECEIVER, String(WEBHOOK_PORT)],
      ['ignore', 'pipe', 'inherit'],
      { WEBHOOK_SECRET: secret },
    );
    await this.#follow(receiver, 'stdout', this.#onWebhook, 'the webhook receiver', (line) => 'listening' in line);
    if (this.#attack.paths) this.#path = await this.lab.layPath();
    this.#services();
    const logins = this.#attack.server === 'sshd' ? ['--source', `auth:${startSshServer(this.lab, this.folder)}`] : [];
    const up = this.lab.start(
      'victim',
      process.execPath,
      [
        VIGIA,
        'up',
        '--state',
        this.folder,
        '--source',
        `ebpf:${INTERFACE}`,
        ...logins,
        '--host',
        'victim',
        '--webhook',
        `http://127.0.0.1:${WEBHOOK_PORT}/`,
        '--webhook-allow-private',
      ],
      ['ignore', 'ignore', 'pipe'],
      // The edge is killed with the lab: its temporary files must lie where they go too. A token of the caller's shell has no place here.
      { WEBHOOK_SECRET: secret, TMPDIR: this.folder, TOKEN_KEY: undefined },
    );
    await this.#follow(up, 'stderr', this.#onLog, 'vigia up', (line) => line.event === 'collecting');
  }

  #services(): void {
    const page = join(this.folder, 'index.html');
    writeFileSync(page, '<p>hello</p>'.repeat(2000));
    const server = `require('node:http').createServer((q, s) => require('node:fs').createReadStream(${JSON.stringify(page)}).pipe(s)).listen(${WEB_PORT}, '${VICTIM}')`;
    this.lab.start('victim', process.execPath, ['-e', server]);
    this.lab.start('victim', 'iperf3', ['-s']);
    this.#inTime(this.lab.start('attacker', 'iperf3', ['-s', '-p', String(DROP_PORT)]));
  }

  /** Starts the attack's tool. */
  attack(): ChildProcess {
    const [command, ...args] = this.#attack.command;
    return this.#inTime(this.lab.start(this.#attack.side, command, args, 'ignore', {}, this.folder));
  }

  /** Where a path is measured, no end of it may answer late. */
  #inTime(child: ChildProcess): ChildProcess {
    if (this.#attack.paths && child.pid !== undefined) hurry(child.pid, 'end');
    return child;
  }

  /**
   * The path between the sides is so from now on.
   * @throws TypeError in a drill that has no path to impair
   */
  impair(impairment: Impairment): Impairer {
    if (!this.#path) throw new TypeError(`the drill ${this.#attack.name} has no path to impair`);
    return this.#path.impair(impairment);
  }

  /** The windows that its collector has written so far. */
  windows(): NetworkWindow[] {
    return loggedWindows(join(this.folder, 'spool'));
  }

  /** Visitors of the web page, and a transfer of half a megabyte a second. */
  visitors(seconds: number): void {
    const visits = `for i in $(seq ${seconds * 5}); do curl -s -o /dev/null -m 1 http://${VICTIM}/; sleep 0.2; done`;
    this.lab.start('attacker', 'sh', ['-c', visits]);
    // Held up by a bad path, it would make good for it in bursts that are a story of their own.
    if (!this.#attack.paths) this.lab.start('attacker', 'iperf3', ['-c', VICTIM, '-b', '4M', '-t', String(seconds)]);
  }

  close(): void {
    this.lab.destroy();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Hands on the JSON lines of a child; resolves at the first that says it is ready. */
  #follow(
    child: ChildProcess,
    stream: 'stdout' | 'stderr',
    onLine: OnLine,
    name: string,
    ready: (line: Record<string, unknown>) => boolean,
  ): Promise<void> {
    const input = child[stream];
    if (!input) throw new TypeError(`${name} was started without ${stream}`);
    const last: string[] = [];
    return new Promise((resolve, reject) => {
      const fail = (what: string): void =>
        reject(new DrillError(`${name} ${what}: ${last.join(' | ')}`, 'Look at what it says'));
      const timer = setTimeout(() => fail('is not ready in time'), READY_WITHIN_MS);
      child.once('exit', () => fail('ended'));
      createInterface({ input }).on('line', (text) => {
        last.splice(0, last.length - 2);
        last.push(text.slice(0, 300));
        const line = parse(text);
        if (!line) return;
        onLine(line);
        if (!ready(line)) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** A line that is no JSON is of no interest here. */
function parse(text: string): Record<string, unknown> | null {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null ? { ...line } : null;
  } catch {
    return null;
  }
}
