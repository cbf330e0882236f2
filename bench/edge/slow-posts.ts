/** Why a post was slow: what happened between its first byte and its answer, the largest part first. */
import type { Pause } from './gc-log.ts';

export const CAUSES = [
  'major garbage collection',
  'minor garbage collection',
  'other processes had the processors',
  'the client was late itself',
  'the buffer went to the bucket',
  'the disk was slow',
  'other posts were answered first',
  'workerd did other work',
  'nothing seen',
] as const;
export type Cause = (typeof CAUSES)[number];

/** The state of workerd's first thread at one moment, read about every five milliseconds. */
export interface Look {
  readonly at_ms: number;
  readonly ran_ms: number;
  readonly waited_ms: number;
  /** At that moment. */
  readonly onDisk: boolean;
  /** How late the client's own timer was. */
  readonly late_ms: number;
}

export interface Happened {
  readonly looks: readonly Look[];
  readonly pauses: readonly Pause[];
  /** When an object was written to the bucket. */
  readonly bucketWrites_ms: readonly number[];
  /** When posts were answered, in order. */
  readonly answers_ms: readonly number[];
}

export interface SlowPost {
  readonly began_ms: number;
  readonly took_ms: number;
  /** Above what a post takes. */
  readonly excess_ms: number;
}

/** What was measured explains a post where it took this share of the excess together, and the largest of it is the cause. */
const ENOUGH = 0.5;

export function causeOf(
  { began_ms, took_ms, excess_ms }: SlowPost,
  { looks, pauses, bucketWrites_ms, answers_ms }: Happened,
): Cause {
  const ended_ms = began_ms + took_ms;
  const paused = (kind: Pause['kind']): number =>
    pauses
      .filter((pause) => pause.kind === kind)
      .reduce((sum, pause) => sum + overlap(pause.ended_ms - pause.took_ms, pause.ended_ms, began_ms, ended_ms), 0);
  const first = looks.findLast(({ at_ms }) => at_ms <= began_ms) ?? looks[0];
  const last = looks.find(({ at_ms }) => at_ms >= ended_ms) ?? looks.at(-1);
  const during = looks.filter(({ at_ms }) => at_ms > began_ms && at_ms <= (last?.at_ms ?? ended_ms));
  const enough = ENOUGH * excess_ms;
  const parts: readonly [Cause, number][] = [
    ['major garbage collection', paused('major')],
    ['minor garbage collection', paused('minor')],
    ['other processes had the processors', (last?.waited_ms ?? 0) - (first?.waited_ms ?? 0)],
    ['the client was late itself', during.reduce((sum, { late_ms }) => sum + late_ms, 0)],
  ];
  if (parts.reduce((sum, [, took]) => sum + took, 0) >= enough)
    return parts.reduce((largest, part) => (part[1] > largest[1] ? part : largest))[0];
  if (first === undefined || last === undefined) return 'nothing seen';
  const within = (at_ms: number): boolean => at_ms >= began_ms && at_ms < ended_ms;
  if (bucketWrites_ms.some(within)) return 'the buffer went to the bucket';
  const onDisk = during.filter((look) => look.onDisk).length;
  if (onDisk > 0 && onDisk >= ENOUGH * during.length) return 'the disk was slow';
  if (last.ran_ms - first.ran_ms < enough) return 'nothing seen';
  // V8 works on after the pause that it tells: it frees what the young objects held.
  if (paused('minor') > 0) return 'minor garbage collection';
  return answers_ms.some(within) ? 'other posts were answered first' : 'workerd did other work';
}

function overlap(from: number, to: number, since: number, until: number): number {
  return Math.max(0, Math.min(to, until) - Math.max(from, since));
}
