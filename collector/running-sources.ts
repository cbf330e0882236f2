/** The sources that run, each by itself: one can be added or taken away while the others go on. */
import type { OpenedSource } from './sources/open-source.ts';
import { type CollectedWindow, type Losses, sumOfLosses, type WindowSource } from './sources/source.ts';

type Observed = Pick<WindowSource<CollectedWindow>, 'spec' | 'losses' | 'traffic'>;

interface Run {
  readonly source: WindowSource<CollectedWindow>;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export class RunningSources {
  readonly #carry: (opened: OpenedSource, stop: AbortSignal) => Promise<void>;
  readonly #runs = new Map<string, Run>();
  /** Losses of sources that were replaced by another of the same name. */
  readonly #before = new Map<string, Losses>();
  #going = 0;

  /** @param carry runs a source to its end, or until it is stopped */
  constructor(carry: (opened: OpenedSource, stop: AbortSignal) => Promise<void>) {
    this.#carry = carry;
  }

  /** How many have not ended. */
  get going(): number {
    return this.#going;
  }

  /** Every source that ran, with its losses of all its runs. */
  get observed(): Observed[] {
    return [...this.#runs.values()].map(({ source }) => ({
      spec: source.spec,
      losses: () => sumOfLosses(this.#before.get(source.spec) ?? {}, source.losses()),
      traffic: source.traffic,
    }));
  }

  /** @param onFailure called with what ended it before its time */
  start(opened: OpenedSource, onFailure: (error: unknown) => void): void {
    const { spec } = opened.source;
    const before = this.#runs.get(spec);
    if (before) this.#before.set(spec, sumOfLosses(this.#before.get(spec) ?? {}, before.source.losses()));
    const stop = new AbortController();
    this.#going++;
    const ended = this.#carry(opened, stop.signal)
      .finally(() => this.#going--)
      .catch(onFailure);
    this.#runs.set(spec, { source: opened.source, stop, ended });
  }

  /** Resolves once the source has given its last window. */
  async stop(spec: string): Promise<void> {
    const run = this.#runs.get(spec);
    run?.stop.abort();
    await run?.ended;
  }

  /** Resolves once every source has ended, those included that are added meanwhile. */
  async ended(): Promise<void> {
    do await Promise.all([...this.#runs.values()].map(({ ended }) => ended));
    while (this.#going > 0);
  }
}
