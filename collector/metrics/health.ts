/** Whether the collector does its work, for `/healthz`: what is wrong, and since when. */
import type { EdgeProblem } from '../delivery/edge-problem.ts';
import type { CollectedWindow, WindowSource } from '../sources/source.ts';

/** An edge that is away for longer is not being updated: somebody must look. */
const EDGE_AWAY_MS = 900_000;
/** Three of the longest periods: a source all of whose reads fail for so long sees nothing. */
const SOURCE_SILENT_MS = 180_000;

export interface Watched {
  /** Those that run now. */
  readonly sources: () => readonly Pick<WindowSource<CollectedWindow>, 'spec' | 'losses'>[];
  readonly delivery: {
    readonly counters: { readonly posted_windows: number };
    readonly edgeProblem: EdgeProblem | null;
    readonly edgeAwaySince_ms: number | null;
    readonly lastPost_ms: number | null;
  };
  readonly spool: { readonly waiting: number; readonly bytes: number; readonly writeError: string | null };
}

export interface Health {
  readonly ok: boolean;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Times are by the clock that never steps, in milliseconds. */
export class HealthWatch {
  readonly #watched: Watched;
  readonly #now_ms: () => number;
  /** By source: when its latest window came, or it began, and how many reads had failed by then. */
  readonly #latest = new Map<string, { readonly at_ms: number; readonly failed: number }>();

  constructor(watched: Watched, now_ms: () => number = () => performance.now()) {
    this.#watched = watched;
    this.#now_ms = now_ms;
  }

  /** A source has begun, or given a window. */
  saw({ spec, losses }: Pick<WindowSource<CollectedWindow>, 'spec' | 'losses'>): void {
    this.#latest.set(spec, { at_ms: this.#now_ms(), failed: losses().window_read_failed ?? 0 });
  }

  read(): Health {
    const { delivery, spool } = this.#watched;
    const { edgeProblem, edgeAwaySince_ms, lastPost_ms } = delivery;
    const failing = this.#failingSources();
    const edgeAway_ms = edgeAwaySince_ms === null ? 0 : this.#now_ms() - edgeAwaySince_ms;
    const problems = [
      spool.writeError === null ? null : `the disk takes no windows: ${spool.writeError}`,
      edgeAway_ms > EDGE_AWAY_MS
        ? `the edge has taken nothing for ${minutes(edgeAway_ms)} min: ${edgeProblem?.reason}`
        : null,
      ...failing.map((spec) => `${spec}: every read of its windows has failed for ${minutes(SOURCE_SILENT_MS)} min`),
    ].filter((problem) => problem !== null);
    return {
      ok: problems.length === 0,
      facts: {
        problems,
        waiting_windows: spool.waiting,
        spool_bytes: spool.bytes,
        posted_windows: delivery.counters.posted_windows,
        last_post_age_s: lastPost_ms === null ? null : Math.round((this.#now_ms() - lastPost_ms) / 1000),
        failing_sources: failing,
        disk_error: spool.writeError,
        edge_error: edgeProblem?.reason ?? null,
      },
    };
  }

  #failingSources(): string[] {
    return this.#watched
      .sources()
      .filter(({ spec, losses }) => {
        const latest = this.#latest.get(spec);
        if (!latest || this.#now_ms() - latest.at_ms <= SOURCE_SILENT_MS) return false;
        return (losses().window_read_failed ?? 0) > latest.failed;
      })
      .map(({ spec }) => spec);
  }
}

const minutes = (ms: number): number => Math.floor(ms / 60_000);
