/** A batch: the windows to judge, and for each host and interface up to nine before them as context. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { MAX_BODY_BYTES, MAX_CONTEXT, MAX_WINDOWS } from '../../contract/detect-request.ts';
import { networkWindow } from '../../contract/network-window.ts';
import type { LoggedWindow } from './window-log.ts';

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

/** Login attempts have no interface, and no windows before them to be judged with. */
const identity = networkWindow.pick({ id: true, host: true, interface: true }).partial({ interface: true });

/** The latest windows of each series (host and interface) as JSON, in order of use. */
export const contextSchema = z.array(z.tuple([z.string(), z.array(z.string()).max(MAX_CONTEXT)])).max(MAX_SERIES);
export type Context = z.output<typeof contextSchema>;

interface Identified {
  readonly id: string;
  /** Null of login attempts. */
  readonly series: string | null;
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
  const windows = logged.map(({ json }): Identified => {
    const { id, host, interface: name } = identity.parse(JSON.parse(json));
    return { id, series: name === undefined ? null : `${host}\n${name}`, json };
  });
  const hash = createHash('sha256');
  for (const { id } of windows) hash.update(`${id}\n`);
  const body = `{"windows":[${windows.map(({ json }) => json).join()}],"context":[${contextOf(windows, before).join()}]}`;
  return {
    batch: { id: hash.digest('hex').slice(0, 32), windows: windows.length, body: gzipSync(body) },
    after: remember(windows, before),
  };
}

function contextOf(windows: readonly Identified[], before: Context): string[] {
  const latest = new Map(before);
  const context = [...new Set(windows.map(({ series }) => series))].flatMap((series) =>
    series === null ? [] : (latest.get(series) ?? []),
  );
  let characters = 0;
  const fits = (json: string): boolean => {
    characters += json.length;
    return characters <= MAX_CONTEXT_CHARACTERS;
  };
  return context.slice(0, MAX_WINDOWS).filter(fits);
}

function remember(windows: readonly Identified[], before: Context): Context {
  const latest = new Map(before);
  for (const [series, added] of Map.groupBy(windows, ({ series }) => series)) {
    if (series === null) continue;
    const recent = [...(latest.get(series) ?? []), ...added.map(({ json }) => json)].slice(-MAX_CONTEXT);
    latest.delete(series);
    latest.set(series, recent);
  }
  return [...latest].slice(-MAX_SERIES);
}
