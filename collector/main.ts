/** The collector: sources → batches → spool → edge. */
import { setInterval } from 'node:timers';
import type { Logger } from 'pino';
import type { CollectorConfig } from './config.ts';
import { Courier } from './delivery/courier.ts';
import { Spool } from './delivery/spool.ts';
import { type OpenedSource, openSource } from './sources/open-source.ts';

const STATUS_EVERY_MS = 60_000;
/** What SIGTERM may take at most before the rest is left to the spool. */
const FINISH_WITHIN_MS = 5000;

export interface CollectorReport {
  readonly counters: Courier['counters'];
  readonly lost_windows: Spool['lostWindows'];
  /** Losses of each source, by reason. */
  readonly sources: Record<string, Record<string, number>>;
  readonly spooled_batches: number;
  /** What ended a source before its time. */
  readonly failures: readonly Error[];
}

/**
 * Runs until every source has ended or `stop` aborts; then posts what is left. What the edge has not stored stays in the spool.
 * @throws SourceError, FolderInUseError where it cannot start; a source that fails later is in the report
 */
export async function runCollector(config: CollectorConfig, log: Logger, stop: AbortSignal): Promise<CollectorReport> {
  const sources = config.sources.map((spec) => openSource(spec, config));
  const spool = new Spool(config.spoolDir);
  if (spool.batches > 0) log.info({ event: 'spool_found', batches: spool.batches, bytes: spool.bytes });
  const courier = new Courier(spool, config, log, Math.random);
  const status = setInterval(() => log.info({ event: 'status', ...figures(courier, spool, sources) }), STATUS_EVERY_MS);
  const posting = courier.run();
  try {
    const failures: Error[] = [];
    await Promise.all(
      sources.map((opened) =>
        carry(opened, courier, stop).catch((error: unknown) => {
          const failure = error instanceof Error ? error : new Error(String(error));
          failures.push(failure);
          log.error({ event: 'source_failed', source: opened.source.spec, message: failure.message });
        }),
      ),
    );
    if (sources.every(({ live }) => !live)) await courier.drain(stop);
    await courier.finish(FINISH_WITHIN_MS);
    await posting;
    const report = { ...figures(courier, spool, sources), failures };
    log.info({ event: 'stopped', ...report, failures: failures.map(({ message }) => message) });
    return report;
  } finally {
    clearInterval(status);
    spool.close();
  }
}

/** A source that reads a file waits while the edge is behind; a live one cannot. */
async function carry({ source, live }: OpenedSource, courier: Courier, stop: AbortSignal): Promise<void> {
  for await (const window of source.windows(stop)) {
    courier.add(window);
    if (!live) await courier.room(stop);
  }
}

function figures(courier: Courier, spool: Spool, sources: readonly OpenedSource[]): Omit<CollectorReport, 'failures'> {
  return {
    counters: courier.counters,
    lost_windows: spool.lostWindows,
    sources: Object.fromEntries(sources.map(({ source }) => [source.spec, source.losses()])),
    spooled_batches: spool.batches,
  };
}
