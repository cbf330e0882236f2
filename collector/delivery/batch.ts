/** A batch: the windows to judge, and for each host and interface up to nine before them as context. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { MAX_BODY_BYTES, MAX_CONTEXT, MAX_WINDOWS } from '../../contract/detect-request.ts';
import type { LoggedWindow } from './segment.ts';
import { type Identified, identify } from './series.ts';

/** Formed once: every retry, also after a restart, sends the same windows under the same id. */
export interface Batch {
  /** The Idempotency-Key. */
  readonly id: string;
  readonly windows: number;
  /** gzip of `{"windows": […], "context": […]}`. */
  readonly body: Uint8Array;
}

/** Characters of windows in a batch; the rest of what the edge takes is left to context, and to letters of several bytes. */
const MAX_WINDOW_CHARACTERS = MAX_BODY_BYTES / 2;
const MAX_CONTEXT_CHARACTERS = MAX_BODY_BYTES / 4;
/** Series whose latest windows are remembered; the longest silent is forgotten. */
const MAX_SERIES = 256;

/** The latest windows of each series (host and interface) as JSON, in order of use. */
export const contextSchema = z.array(z.tuple([z.string(), z.array(z.string()).max(MAX_CONTEXT)])).max(MAX_SERIES);
export type Context = z.output<typeof contextSchema>;

interface Followed extends Identified {
  readonly json: string;
}

/** The windows at the front of `windows` that fit one batch; at least one. */
export function fitting(windows: readonly LoggedWindow[]): LoggedWindow[] {
  let characters = 0;
  const end = windows.findIndex(({ json }, i) => {
    characters += json.length;
    return i > 0 && characters > MAX_WINDOW_CHARACTERS;
  });
  return windows.slice(0, end < 0 ? windows.length : end);
}

/** @returns the batch, and the context for the one after it */
export function formBatch(logged: readonly LoggedWindow[], before: Context): { batch: Batch; after: Context } {
  const windows = followed(logged);
  const hash = createHash('sha256');
  for (const { id } of windows) hash.update(`${id}\n`);
  const body = `{"windows":[${windows.map(({ json }) => json).join()}],"context":[${contextOf(windows, before).join()}]}`;
  return {
    batch: { id: hash.digest('hex').slice(0, 32), windows: windows.length, body: gzipSync(body) },
    after: remember(windows, before),
  };
}

/** The context for windows that follow these. */
export const contextBefore = (logged: readonly LoggedWindow[]): Context => remember(followed(logged), []);

const followed = (logged: readonly LoggedWindow[]): Followed[] =>
  logged.map(({ json }) => ({ ...identify(json), json }));

function contextOf(windows: readonly Followed[], before: Context): string[] {
  const latest = new Map(before);
  const context = [...new Set(windows.map(({ series }) => series))].flatMap((series) => latest.get(series) ?? []);
  let characters = 0;
  const fits = (json: string): boolean => {
    characters += json.length;
    return characters <= MAX_CONTEXT_CHARACTERS;
  };
  return context.slice(0, MAX_WINDOWS).filter(fits);
}

function remember(windows: readonly Followed[], before: Context): Context {
  const latest = new Map(before);
  const withContext = windows.filter(({ hasContext }) => hasContext);
  for (const [series, added] of Map.groupBy(withContext, ({ series }) => series)) {
    const recent = [...(latest.get(series) ?? []), ...added.map(({ json }) => json)].slice(-MAX_CONTEXT);
    latest.delete(series);
    latest.set(series, recent);
  }
  return [...latest].slice(-MAX_SERIES);
}
