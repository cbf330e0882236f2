/**
 * A path between two TAP devices that delays, loses and reorders frames as it is told: `impaired-path.ts NEAR FAR`.
 * Prints {"laid":true}; then each line of stdin is an Impairment. What netem would do, on every kernel that has TAP.
 */
import { read, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { seededRandom } from '../../models/random.ts';
import { hurry } from './real-time.ts';
import { openTap } from './tap.ts';

const impairment = z.object({
  /** One way. */
  delay_ms: z.number().min(0),
  /** The delay is uniform in delay_ms ± jitter_ms. */
  jitter_ms: z.number().min(0),
  /** Share of frames that are lost, each way, each by chance. */
  loss: z.number().min(0).max(1),
  /** Whether a frame may overtake another: else the delay changes too slowly for that. */
  reorders: z.boolean(),
});
export type Impairment = z.output<typeof impairment>;

const SEED = 7;
const LONGEST_FRAME = 65_536;
/** In order, the delay goes from one random value to the next in straight lines this long; longer than any change of it. */
const STRETCH_MS = 100;
const MOST_FRAMES_UNDER_WAY = 20_000;
/** Weight of the latest frame in how late timers are: a second's worth of frames, so that it never makes one overtake another. */
const LATEST_WEIGHT = 0.002;

const random = seededRandom(SEED);
let present: Impairment = { delay_ms: 0, jitter_ms: 0, loss: 0, reorders: false };

/** One direction. */
class Lane {
  readonly #to: number;
  #from_ms = 0;
  #fromJitter = 0;
  #toJitter = 0;
  #underWay = 0;
  /** How much later than told a timer fires; taken off, since it would be a delay that nobody set. */
  #lateness_ms = 0;

  constructor(to: number) {
    this.#to = to;
  }

  carry(frame: Buffer): void {
    if (random() < present.loss || this.#underWay === MOST_FRAMES_UNDER_WAY) return;
    const now_ms = performance.now();
    const delay_ms = present.delay_ms + present.jitter_ms * this.#jitter(now_ms);
    if (delay_ms <= 0) {
      this.#deliver(frame);
      return;
    }
    this.#underWay++;
    const timer_ms = delay_ms - this.#lateness_ms;
    setTimeout(() => {
      this.#underWay--;
      this.#deliver(frame);
      const late_ms = performance.now() - now_ms - timer_ms;
      this.#lateness_ms += LATEST_WEIGHT * (late_ms - this.#lateness_ms);
    }, timer_ms);
  }

  #deliver(frame: Buffer): void {
    try {
      writeSync(this.#to, frame);
    } catch {
      // The other end is down: lost, as on a real cable.
    }
  }

  /** Uniform in ±1. */
  #jitter(now_ms: number): number {
    if (present.reorders) return 2 * random() - 1;
    if (now_ms - this.#from_ms > 2 * STRETCH_MS) this.#from_ms = now_ms - STRETCH_MS;
    while (now_ms - this.#from_ms >= STRETCH_MS) {
      this.#from_ms += STRETCH_MS;
      this.#fromJitter = this.#toJitter;
      this.#toJitter = 2 * random() - 1;
    }
    const share = (now_ms - this.#from_ms) / STRETCH_MS;
    return this.#fromJitter + share * (this.#toJitter - this.#fromJitter);
  }
}

function forward(from: number, lane: Lane): void {
  const bytes = Buffer.alloc(LONGEST_FRAME);
  read(from, bytes, 0, bytes.length, null, (error, count) => {
    // EIO: the interface is down for a moment, as while it moves to its namespace.
    if (error && error.code !== 'EIO') process.exit(1);
    if (!error) lane.carry(Buffer.from(bytes.subarray(0, count)));
    if (error) setTimeout(forward, 20, from, lane);
    else forward(from, lane);
  });
}

hurry(process.pid, 'path');
const [near = '', far = ''] = process.argv.slice(2);
const ends = [openTap(near), openTap(far)] as const;
forward(ends[0], new Lane(ends[1]));
forward(ends[1], new Lane(ends[0]));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    present = impairment.parse(JSON.parse(line));
  })
  .once('close', () => process.exit());
process.stdout.write('{"laid":true}\n');
