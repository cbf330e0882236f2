/** A batch: the windows to judge, and for each host and interface up to nine before them as context. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import * as z from 'zod';
import { encodeColumns } from '../../contract/columns/encode.ts';
import { MAX_BODY_BYTES, MAX_CONTEXT, MAX_WINDOWS } from '../../contract/detect-request.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import type { CollectedWindow } from '../sources/source.ts';
import type { LoggedWindow } from './segment.ts';
import { type Identified, identify } from './series.ts';

interface Followed extends Identified {
  readonly json: string;
  readonly window: CollectedWindow;
}

/** Formed once: every retry, also after a restart, sends the same windows under the same id. */
export interface Batch {
  /** The Idempotency-Key. */
  readonly id: string;
  readonly windows: number;
  /** gzip of `{"windows": […], "context": […]}`. */
  readonly body: Uint8Array;
  /** gzip of the same by columns; null where there are too few for that to pay. */
  readonly columns: Uint8Array | null;
}

/** Packs what is asked for, once. */
class FormedBatch implements Batch {
  readonly id: string;
  readonly windows: number;
  readonly #windows: readonly Followed[];
  readonly #context: readonly string[];
  #body: Uint8Array | null = null;
  #columns: Uint8Array | null = null;

  constructor(windows: readonly Followed[], context: readonly string[]) {
    const hash = createHash('sha256');
    for (const { id } of windows) hash.update(`${id}\n`);
    this.id = hash.digest('hex').slice(0, 32);
    this.windows = windows.length;
    this.#windows = windows;
    this.#context = context;
  }

  get body(): Uint8Array {
    this.#body ??= gzipSync(
      `{"windows":[${this.#windows.map(({ json }) => json).join()}],"context":[${this.#context.join()}]}`,
    );
    return this.#body;
  }

  get columns(): Uint8Array | null {
    if (this.windows >= FEWEST_FOR_COLUMNS) this.#columns ??= gzipSync(this.#encoded());
    return this.#columns;
  }

  #encoded(): Uint8Array {
    const context = this.#context.map((json): NetworkWindow => JSON.parse(json));
    return encodeColumns(
      this.#windows.map(({ window }) => window),
      context,
    );
  }
}

/** Two windows with their context cost more by columns than in JSON; from here on it is a third less, of work and of bytes. */
const FEWEST_FOR_COLUMNS = 25;
/** Characters of windows in a batch; the rest of what the edge takes is left to context, and to letters of several bytes. */
const MAX_WINDOW_CHARACTERS = MAX_BODY_BYTES / 2;
const MAX_CONTEXT_CHARACTERS = MAX_BODY_BYTES / 4;
/** Series whose latest windows are remembered; the longest silent is forgotten. */
const MAX_SERIES = 256;

/** The latest windows of each series (host and interface) as JSON, in order of use. */
export const contextSchema = z.array(z.tuple([z.string(), z.array(z.string()).max(MAX_CONTEXT)])).max(MAX_SERIES);
export type Context = z.output<typeof contextSchema>;

/** The windows at the front of `windows` that fit one batch; at least one. */
export function fitting(windows: readonly LoggedWindow[]): LoggedWindow[] {
  let characters = 0;
  const end = windows.findIndex(({ json }, i) => {
    characters += json.length;
    return i > 0 && characters > MAX_WINDOW_CHARACTERS;
  });
  return windows.slice(0, end < 0 ? windows.length : end);
}

/** What bounds left out of the context, so that the temporal model abstains from, or sees less before, some windows. */
export interface ContextCut {
  /** Earlier windows for which a post had no room. */
  readonly no_room: number;
  /** Series that were forgotten, being the longest silent of more than `MAX_SERIES`. */
  readonly series_forgotten: number;
}

/** @returns the batch, the context for the one after it, and what either lacks */
export function formBatch(
  logged: readonly LoggedWindow[],
  before: Context,
): { batch: Batch; after: Context; cut: ContextCut } {
  const windows = followed(logged);
  const { context, no_room } = contextOf(windows, before);
  const { after, series_forgotten } = remember(windows, before);
  return { batch: new FormedBatch(windows, context), after, cut: { no_room, series_forgotten } };
}

/** The context for windows that follow these. */
export const contextBefore = (logged: readonly LoggedWindow[]): Context => remember(followed(logged), []).after;

const followed = (logged: readonly LoggedWindow[]): Followed[] =>
  logged.map(({ json }) => {
    const window: CollectedWindow = JSON.parse(json);
    return { ...identify(window), json, window };
  });

function contextOf(windows: readonly Followed[], before: Context): { context: string[]; no_room: number } {
  const latest = new Map(before);
  const wanted = [...new Set(windows.map(({ series }) => series))].flatMap((series) => latest.get(series) ?? []);
  let characters = 0;
  const fits = (json: string): boolean => {
    characters += json.length;
    return characters <= MAX_CONTEXT_CHARACTERS;
  };
  const context = wanted.slice(0, MAX_WINDOWS).filter(fits);
  return { context, no_room: wanted.length - context.length };
}

function remember(windows: readonly Followed[], before: Context): { after: Context; series_forgotten: number } {
  const latest = new Map(before);
  const withContext = windows.filter(({ hasContext }) => hasContext);
  for (const [series, added] of Map.groupBy(withContext, ({ series }) => series)) {
    const recent = [...(latest.get(series) ?? []), ...added.map(({ json }) => json)].slice(-MAX_CONTEXT);
    latest.delete(series);
    latest.set(series, recent);
  }
  return { after: [...latest].slice(-MAX_SERIES), series_forgotten: Math.max(0, latest.size - MAX_SERIES) };
}
