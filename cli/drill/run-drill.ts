/** Holds one drill: ordinary traffic, then the attack, and what Vigía says of it, when. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { webhookEvent } from '../../contract/webhook-event.ts';
import type { Attack } from './attacks.ts';
import type { Impairment } from './impaired-path.ts';
import { requireTools } from './lab.ts';
import { measuredText, measurePath } from './measured-path.ts';
import { Stage } from './stage.ts';

/** One entry of the timeline. */
export interface Moment {
  /** Since the attack's start; negative before it. */
  readonly seconds: number;
  readonly kind: 'ordinary' | 'attack' | 'verdict' | 'webhook' | 'path' | 'measured' | 'outcome';
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Outcome {
  readonly detected: boolean;
  /** From the attack's start to the webhook that names it. */
  readonly seconds: number | null;
  /** Whether every path was measured as it was set; true of a drill without one. */
  readonly isMeasured: boolean;
}

const ORDINARY_MS = 5000;
/** A detection that takes longer is none. */
const WITHIN_MS = 15_000;
/** From a change of the path until what is acknowledged has crossed it as it is now. */
const PATH_SETTLES_MS = 1000;
/** How long a path stays as it was set: some 14,000 segments, of which a loss of 4 % is by chance within a tenth of that. */
const PHASE_MS = 11_000;
/** Until a tool that failed is started again. */
const RETRY_MS = 300;
/** Until the last window is written. */
const SETTLES_MS = 2500;

const receivedLine = z.object({ id: z.string(), verified: z.boolean(), event: webhookEvent });
const threatLine = z.object({
  event: z.literal('threat'),
  threat_types: z.array(z.string()),
  attacking_ips: z.array(z.string()),
  threat_level: z.string(),
});
type Received = z.output<typeof receivedLine>;

/**
 * @param tell called for each moment as it comes
 * @throws DrillError where the drill cannot be held
 */
export async function runDrill(attack: Attack, tell: (moment: Moment) => void, stop: AbortSignal): Promise<Outcome> {
  requireTools(['curl', 'iperf3', attack.command[0], ...(attack.server ? [attack.server, 'unshare'] : [])]);
  let started_ms: number | null = null;
  const since = (): number => (started_ms === null ? 0 : (performance.now() - started_ms) / 1000);
  const found = Promise.withResolvers<number>();
  const stage = new Stage(
    attack,
    (line) => {
      const threat = threatLine.safeParse(line);
      if (!threat.success) return;
      const { threat_types, attacking_ips, threat_level } = threat.data;
      tell({
        seconds: since(),
        kind: 'verdict',
        text: `${threat_types.join(' ')} from ${attacking_ips.join(' ') || 'nobody in particular'}, ${threat_level}`,
        facts: threat.data,
      });
    },
    (line) => {
      const received = receivedLine.safeParse(line);
      if (!received.success) return;
      tell({ seconds: since(), kind: 'webhook', text: webhookText(received.data), facts: { ...received.data } });
      if (started_ms !== null && names(received.data, attack)) found.resolve(since());
    },
  );
  // Without it, the waiting that lost a race would hold up the end of the process.
  const over = new AbortController();
  const signal = AbortSignal.any([stop, over.signal]);
  try {
    await stage.open();
    tell({ seconds: -ORDINARY_MS / 1000, kind: 'ordinary', text: 'curl and iperf3 visit the victim', facts: {} });
    stage.visitors((ORDINARY_MS + WITHIN_MS) / 1000);
    await sleep(ORDINARY_MS, undefined, { signal });
    tell({
      seconds: 0,
      kind: 'attack',
      text: attack.command.join(' '),
      facts: { command: attack.command, attacker: attack.attacker },
    });
    started_ms = performance.now();
    const told = Promise.race([found.promise, sleep(WITHIN_MS, null, { signal: stop, ref: false })]);
    const held = attack.paths
      ? holdPaths(attack.paths, stage, signal, (text, facts) => tell({ seconds: since(), kind: 'path', text, facts }))
      : outlast(stage.attack(), told, stop);
    const [seconds, paths] = await Promise.all([told, held]);
    await sleep(seconds === null && !attack.paths ? 0 : SETTLES_MS, undefined, { signal });
    const windows = paths.length > 0 ? stage.windows() : [];
    const measured = paths.map(({ set, from_ms, to_ms }) => measurePath(windows, set, from_ms, to_ms));
    for (const path of measured)
      tell({ seconds: since(), kind: 'measured', text: measuredText(path), facts: { ...path } });
    const text = seconds === null ? `NOT detected within ${WITHIN_MS / 1000} s` : `detected in ${seconds.toFixed(1)} s`;
    tell({ seconds: since(), kind: 'outcome', text, facts: { detected: seconds !== null, seconds } });
    return { detected: seconds !== null, seconds, isMeasured: measured.every((path) => path.isWithinBounds) };
  } finally {
    over.abort();
    stage.close();
  }
}

/** A path as it was, and within which times by the wall clock. */
interface HeldPath {
  readonly set: Impairment;
  readonly from_ms: number;
  readonly to_ms: number;
}

/**
 * Impairs the path in one way after another and lets the tool cross it anew each time: a connection that has known a short path
 * takes a long one's reordering for loss.
 */
async function holdPaths(
  paths: readonly Impairment[],
  stage: Stage,
  signal: AbortSignal,
  say: (text: string, facts: Readonly<Record<string, unknown>>) => void,
): Promise<HeldPath[]> {
  const held: HeldPath[] = [];
  for (const set of paths) {
    const by = stage.impair(set);
    const { delay_ms, jitter_ms, loss, reorders } = set;
    const mode = reorders ? 'reordered' : 'in order';
    say(`each way ${delay_ms} ms ± ${jitter_ms} ms, ${100 * loss} % lost, ${mode}, by ${by}`, { ...set, by });
    const from_ms = Date.now() + PATH_SETTLES_MS;
    const over = sleep(PHASE_MS, true, { signal });
    // On such a path a tool may fail: its own words get lost too, or the other end still waits for the one before it.
    for (let isOver = false; !isOver; ) {
      const tool = stage.attack();
      isOver = await Promise.race([once(tool, 'exit').then(() => sleep(RETRY_MS, false, { signal })), over]);
      stage.lab.end(tool);
    }
    held.push({ set, from_ms, to_ms: Date.now() });
  }
  return held;
}

/** What comes after the first word belongs to the timeline too: there must be no second one for the same attack. */
async function outlast(tool: ChildProcess, told: Promise<number | null>, stop: AbortSignal): Promise<HeldPath[]> {
  const ended = once(tool, 'exit');
  await told;
  await Promise.race([ended, sleep(WITHIN_MS, undefined, { signal: stop, ref: false })]);
  return [];
}

/** The webhook that a drill waits for: signed, of the right kind, naming the attacker. */
function names({ verified, event }: Received, attack: Attack): boolean {
  return (
    verified &&
    // A path gets worse by degrees: what was told of it first may be one of its signs.
    (event.type === 'threat.detected' || (attack.paths !== undefined && event.type === 'incident.updated')) &&
    (attack.attacker === null || (event.attacking_ips ?? []).includes(attack.attacker)) &&
    JSON.stringify(event.data).includes(attack.expected)
  );
}

function webhookText({ verified, event }: Received): string {
  const { data } = event;
  const title = 'message' in data ? String(data.message) : '';
  const signature = verified ? 'signature valid' : 'SIGNATURE WRONG';
  return `${event.type} (${signature}), attackers ${(event.attacking_ips ?? []).join(' ') || '–'}: ${title}`;
}
