/** New settings while the collector runs: sources come and go, the others keep counting. */
import type { Logger } from 'pino';
import type { Blocking } from './block/blocking.ts';
import type { ServedBlocking } from './block/serve-blocking.ts';
import { type CollectorConfig, changedSettings } from './config.ts';
import type { RunningSources } from './running-sources.ts';
import type { OpenedSource } from './sources/open-source.ts';

export interface Reload {
  /** Reads the settings anew. @throws ConfigError where they make no sense: the old ones stay */
  read(): CollectorConfig;
  /** Calls `listener` whenever somebody asks for it. @returns ends that */
  onAsked(listener: () => void): () => void;
}

/** Settings that take effect at a reload. */
const CHANGEABLE: ReadonlySet<string> = new Set(['source', 'block', 'block-for', 'allow', 'keep-blocks']);

interface Running {
  readonly config: CollectorConfig;
  readonly sources: RunningSources;
  readonly blocking: Blocking;
  readonly blocks: ServedBlocking;
  /** @throws SourceError */
  readonly open: (spec: string) => OpenedSource;
  /** Ends the collector. */
  readonly fail: (error: unknown) => void;
  readonly log: Logger;
}

/**
 * What cannot change at run time is named in the log as `needs_restart`.
 * A source that is added and fails ends nothing while others go on: a slip in the file must not end what works.
 * @returns ends the reloading
 */
export function applyReloads(
  reload: Reload,
  { config, sources, open, blocking, blocks, fail, log }: Running,
): () => void {
  let current = config.sources;
  const failed = (spec: string) => (error: unknown) => {
    if (sources.going === 0) return fail(error);
    log.error({ event: 'added_source_failed', source: spec, message: text(error) });
    current = current.filter((other) => other !== spec);
  };

  async function apply(): Promise<void> {
    try {
      const next = reload.read();
      const added = next.sources.filter((spec) => !current.includes(spec)).map(open);
      const removed = current.filter((spec) => !next.sources.includes(spec));
      const needs_restart = changedSettings(config, next).filter((name) => !CHANGEABLE.has(name));
      await blocking.change({ ...next, blockAt: config.blockAt });
      await blocks.serveFor(next.sources);
      current = next.sources;
      for (const opened of added) sources.start(opened, failed(opened.source.spec));
      await Promise.all(removed.map((spec) => sources.stop(spec)));
      log.info({ event: 'reloaded', added: added.map(({ source }) => source.spec), removed, needs_restart });
    } catch (error) {
      log.error({ event: 'reload_failed', message: text(error) });
    }
  }

  let last = Promise.resolve();
  return reload.onAsked(() => {
    last = last.then(apply);
  });
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
