/** The block list on disk, from which it is taken up again after a restart. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import * as z from 'zod';
import { blockedEntry } from './control-protocol.ts';

const FILE = 'blocks.json';
const keptBlocks = z.array(blockedEntry.pick({ range: true, until: true, reason: true, origin: true, enforced: true }));
export type KeptBlock = z.output<typeof keptBlocks>[number];

export class KeptBlocks {
  /** How often the disk refused the list; blocks hold all the same, until the collector ends. */
  notSaved = 0;
  readonly #file: string;
  readonly #log: Logger;
  #isBehind = false;

  constructor(folder: string, log: Logger) {
    this.#file = join(folder, FILE);
    this.#log = log;
  }

  /** Whether the disk has not what was to be saved last. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  save(entries: readonly KeptBlock[]): void {
    try {
      writeFileSync(`${this.#file}.new`, JSON.stringify(entries), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
      if (this.#isBehind) this.#log.info({ event: 'blocks_saved', file: this.#file });
      this.#isBehind = false;
    } catch (error) {
      this.notSaved++;
      if (!this.#isBehind)
        this.#log.error({
          event: 'blocks_not_saved',
          ...{ file: this.#file, entries: entries.length },
          message: `${text(error)}. The blocks hold, but after a restart only those saved before are taken up: make room on that disk, or make it writable; it is tried again every ten seconds`,
        });
      this.#isBehind = true;
    }
  }

  /** A list that cannot be read is none: it is better to block nobody than the wrong ones. */
  read(): KeptBlock[] {
    try {
      return keptBlocks.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isAbsent) this.#log.error({ event: 'blocks_unreadable', file: this.#file, message: text(error) });
      return [];
    }
  }

  remove(): void {
    try {
      rmSync(this.#file, { force: true });
    } catch (error) {
      this.#log.error({ event: 'blocks_not_removed', file: this.#file, message: `${text(error)}. Remove it by hand` });
    }
  }
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
