/** Holds one drill: ordinary traffic, then the attack, and what Vigía says of it, when. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { webhookEvent } from '../../contract/webhook-event.ts';
import type { Attack } from './attacks.ts';
import { requireTools } from './lab.ts';
import { Stage } from './stage.ts';

/** One entry of the timeline. */
export interface Moment {
  /** Since the attack's start; negative before it. */
  readonly seconds: number;
  readonly kind: 'ordinary' | 'attack' | 'verdict' | 'webhook' | 'outcome';
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Outcome {
  readonly detected: boolean;
  /** From the attack's start to the webhook that names it. */
  readonly seconds: number | null;
}

const ORDINARY_MS = 5000;
/** A detection that takes longer is none. */
const WITHIN_MS = 15_000;

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
    const [command, ...args] = attack.command;
    tell({
      seconds: 0,
      kind: 'attack',
      text: attack.command.join(' '),
      facts: { command: attack.command, attacker: attack.attacker },
    });
    started_ms = performance.now();
    stage.impair();
    const tool = stage.lab.start(attack.side, command, args, 'ignore', {}, stage.folder);
    const ended = once(tool, 'exit');
    const seconds = await Promise.race([found.promise, sleep(WITHIN_MS, null, { signal: stop, ref: false })]);
    // What comes after the first word belongs to the timeline too: there must be no second one for the same attack.
    await Promise.race([ended, sleep(WITHIN_MS, undefined, { signal: stop, ref: false })]);
    await sleep(seconds === null ? 0 : 2500, undefined, { signal });
    const text = seconds === null ? `NOT detected within ${WITHIN_MS / 1000} s` : `detected in ${seconds.toFixed(1)} s`;
    tell({ seconds: since(), kind: 'outcome', text, facts: { detected: seconds !== null, seconds } });
    return { detected: seconds !== null, seconds };
  } finally {
    over.abort();
    stage.close();
  }
}

/** The webhook that a drill waits for: signed, of the right kind, naming the attacker. */
function names({ verified, event }: Received, attack: Attack): boolean {
  return (
    verified &&
    // A path gets worse by degrees: what was told of it first may be one of its signs.
    (event.type === 'threat.detected' || (attack.path !== undefined && event.type === 'incident.updated')) &&
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
