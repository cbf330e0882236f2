/** The path between the two sides of a drill, impaired by the kernel's netem where that can do it, else by the forwarder that carries its frames. */
import type { Writable } from 'node:stream';
import type { Impairment } from './impaired-path.ts';

export type Impairer = 'netem' | 'forwarder';

/** One of its two ends. */
export interface PathEnd {
  readonly interface: string;
  /** Runs a command where the interface is. @throws Error unless it exits with 0 */
  readonly run: (command: string, ...args: string[]) => void;
}

/** Frames under way that netem holds; its own 1,000 would be a loss that nobody set. */
const NETEM_LIMIT = 20_000;
const UNIMPAIRED: Impairment = { delay_ms: 0, jitter_ms: 0, loss: 0, reorders: false };

/** Arguments of `tc qdisc replace dev IFACE root`, tc-netem(8); its jitter is uniform unless told otherwise. */
export const netemOf = ({ delay_ms, jitter_ms, loss }: Impairment): string[] => [
  ...['netem', 'limit', String(NETEM_LIMIT)],
  ...['delay', `${delay_ms}ms`, `${jitter_ms}ms`, 'loss', 'random', `${100 * loss}%`],
];

export class LaidPath {
  readonly #forwarder: Writable;
  readonly #ends: readonly PathEnd[];

  /** @param forwarder takes an Impairment a line */
  constructor(forwarder: Writable, ends: readonly PathEnd[]) {
    this.#forwarder = forwarder;
    this.#ends = ends;
  }

  /**
   * The path is so from now on. In order it is always the forwarder's: netem cannot vary a delay without letting frames overtake
   * each other, but by making all of them as late as the latest.
   * @returns who does it
   */
  impair(impairment: Impairment): Impairer {
    const isByNetem = impairment.reorders && this.#setNetem(impairment);
    if (!isByNetem) this.#removeNetem();
    this.#forwarder.write(`${JSON.stringify(isByNetem ? UNIMPAIRED : impairment)}\n`);
    return isByNetem ? 'netem' : 'forwarder';
  }

  /** @returns false where this kernel has no netem, or this machine no tc */
  #setNetem(impairment: Impairment): boolean {
    try {
      for (const end of this.#ends)
        end.run('tc', 'qdisc', 'replace', 'dev', end.interface, 'root', ...netemOf(impairment));
      return true;
    } catch {
      return false;
    }
  }

  #removeNetem(): void {
    for (const end of this.#ends)
      try {
        end.run('tc', 'qdisc', 'del', 'dev', end.interface, 'root');
      } catch {
        // There is none.
      }
  }
}
