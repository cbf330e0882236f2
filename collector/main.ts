/** The collector: sources → spool → edge. */
import type { Logger } from 'pino';
import { Blocking } from './block/blocking.ts';
import { edgeNames, ServedBlocking } from './block/serve-blocking.ts';
import type { CollectorConfig } from './config.ts';
import { Courier } from './delivery/courier.ts';
import { EdgeConnection } from './delivery/edge-connection.ts';
import { Spool } from './delivery/spool.ts';
import { CollectorMetrics } from './metrics/collector-metrics.ts';
import { HealthWatch } from './metrics/health.ts';
import { serveMetrics } from './metrics/serve.ts';
import { applyReloads, type Reload } from './reload.ts';
import { RunningSources } from './running-sources.ts';
import { type OpenedSource, openSource } from './sources/open-source.ts';

const STATUS_EVERY_MS = 60_000;
/** What the end may take at most before the rest is left to the spool. */
const FINISH_WITHIN_MS = 5000;

export interface CollectorReport {
  readonly counters: Courier['counters'];
  /** Windows lost on the way, by reason. */
  readonly lost_windows: Spool['lost'];
  /** Losses of each source, by reason. */
  readonly sources: Record<string, Record<string, number>>;
  /** Windows that stay in the spool. */
  readonly waiting_windows: number;
  /** What the disk refuses; null where nothing. */
  readonly disk_error: string | null;
  /** Why the edge takes nothing; null while it does. */
  readonly edge_error: string | null;
  /** What ended the collector before its time; the first is the cause. */
  readonly failures: readonly Error[];
}

export interface Supervision {
  /** Where the settings can change meanwhile. */
  readonly reload?: Reload;
  /** Called once every source has begun: eBPF programs are attached. */
  collecting?(): void;
}

/**
 * Runs until every source has ended or `stop` aborts; then posts what is left. What the edge has not stored stays in the spool.
 * A source that fails ends the others too, so that whoever runs the collector can start it again.
 * @throws SourceError, InvalidPrefixError, AuthorityError, FolderInUseError, MetricsAddressError where it cannot start; what fails later is in the report
 */
export async function runCollector(
  config: CollectorConfig,
  log: Logger,
  stop: AbortSignal,
  { reload, collecting = () => {} }: Supervision = {},
): Promise<CollectorReport> {
  const blocking = new Blocking(config, edgeNames(config), config.spoolDir, log);
  const tell = (event: string, facts: object): void => log.warn({ event, ...facts });
  const open = (spec: string): OpenedSource => openSource(spec, config, { tell, blocking });
  const opened = config.sources.map(open);
  const edge = new EdgeConnection(config);
  const spool = new Spool(config.spoolDir);
  const courier = new Courier(
    { spool, edge, log, random: Math.random, onVerdict: (verdict) => blocking.judged(verdict) },
    config,
  );
  const sources = new RunningSources((source, own) =>
    carry(source, { courier, metrics, health, blocking }, AbortSignal.any([ending, own])),
  );
  const metrics = new CollectorMetrics({
    sources: () => sources.observed,
    delivery: courier,
    spool,
    blocking,
  });
  const release = (error: unknown): never => {
    spool.close();
    throw error;
  };
  const health = new HealthWatch({ sources: () => sources.observed, delivery: courier, spool });
  const served =
    config.metrics === null ? null : await serveMetrics(config.metrics, metrics, () => health.read()).catch(release);
  const blocks = new ServedBlocking(config, blocking);
  await blocks.serveFor(config.sources).catch(release);
  const failed = new AbortController();
  const ending = AbortSignal.any([stop, failed.signal]);
  const failures: Error[] = [];
  const fail = (event: string) => (error: unknown) => {
    const failure = error instanceof Error ? error : new Error(String(error));
    failures.push(failure);
    log.error({ event, message: failure.message });
    failed.abort();
  };
  const report = (): Omit<CollectorReport, 'failures'> => ({
    counters: courier.counters,
    lost_windows: spool.lost,
    sources: Object.fromEntries(sources.observed.map(({ spec, losses }) => [spec, losses()])),
    waiting_windows: spool.waiting,
    disk_error: spool.writeError,
    edge_error: courier.edgeProblem?.reason ?? null,
  });

  const metricsUrl = served && { metrics: `${served.url}/metrics` };
  log.info({ event: 'started', sources: config.sources, to: config.to, waiting_windows: spool.waiting, ...metricsUrl });
  const status = setInterval(() => log.info({ event: 'status', ...report() }), STATUS_EVERY_MS);
  courier.run().catch(fail('delivery_failed'));
  const failing = fail('source_failed');
  for (const source of opened) sources.start(source, failing);
  setImmediate(() => failures.length === 0 && collecting()); // what cannot be attached has failed by then
  const endReloads = reload && applyReloads(reload, { config, sources, open, blocking, blocks, fail: failing, log });
  try {
    await sources.ended();
    if (!ending.aborted) await courier.drain(ending);
    await courier.finish(FINISH_WITHIN_MS).catch(fail('delivery_failed'));
    log.info({ event: 'stopped', ...report() });
    return { ...report(), failures };
  } finally {
    clearInterval(status);
    endReloads?.();
    served?.close();
    blocks.close();
    edge.close();
    spool.close();
  }
}

/** Who is told of each window. */
interface Receivers {
  readonly courier: Courier;
  readonly metrics: CollectorMetrics;
  readonly health: HealthWatch;
  readonly blocking: Blocking;
}

/** A source that reads a file waits while the edge is behind; a live one cannot. */
async function carry(
  { source, live }: OpenedSource,
  { courier, metrics, health, blocking }: Receivers,
  stop: AbortSignal,
): Promise<void> {
  health.saw(source);
  for await (const window of source.windows(stop)) {
    health.saw(source);
    courier.add(window);
    metrics.saw(window);
    blocking.saw(window);
    if (!live) await courier.room(stop);
  }
}
