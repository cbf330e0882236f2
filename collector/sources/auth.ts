/** The sources `auth:FILE` and `journal`: login attempts from a log, as windows for each user name and source; followed, or read to the end. */
import type { AuthWindow } from '../../contract/auth-window.ts';
import { Attempts } from '../auth/attempts.ts';
import { AuthWindows } from '../auth/auth-windows.ts';
import { type LineReader, LineSplitter } from '../auth/log-tail.ts';
import type { PublicName } from '../auth/name-privacy.ts';
import { readAuthLine } from '../auth/read-line.ts';
import { openInput } from './input-file.ts';
import { SourceError, type WindowSource } from './source.ts';

/** What fail2ban looks back over by default: five failures within it are a guesser. */
export const AUTH_WINDOW_S = 600;
/** A guesser is told of within this time. */
const STEP_S = 5;
const REMEDY =
  'A service reads logs as a member of the group adm, and the journal as one of systemd-journal: SupplementaryGroups= in its unit';

export interface AuthSourceOptions {
  readonly spec: string;
  /** What is followed; or the path of a log that is read to its end, gzip, zstd or neither, - for stdin. */
  readonly log: LineReader | string;
  readonly host: string;
  readonly group: string;
  /** When the log was last written: gives a year to times without one. */
  readonly now_ms: () => number;
  /** Minutes east of UTC of times without a zone. */
  readonly zone_offset_min: number;
  readonly publicName: (name: string) => PublicName;
}

export function authSource(options: AuthSourceOptions): WindowSource<AuthWindow> {
  const { spec, log, host, group } = options;
  const attempts = new Attempts();
  const windows = new AuthWindows({
    host,
    group,
    duration_s: AUTH_WINDOW_S,
    step_s: STEP_S,
    publicName: options.publicName,
  });
  let tooLong = 0;
  const splitter = new LineSplitter(() => tooLong++);
  /** Of the last line that had one: a line without a time is of the same moment. */
  let latest_ms: number | null = null;

  function* take(raw: string, oldest_ms: number): Generator<AuthWindow, void, void> {
    const { line, event } = readAuthLine(raw, { now_ms: options.now_ms(), zone_offset_min: options.zone_offset_min });
    latest_ms = line.time_ms ?? latest_ms;
    if (!event) return;
    for (const attempt of attempts.push(event, latest_ms ?? options.now_ms()))
      if (attempt.time_ms >= oldest_ms) yield* windows.add(attempt);
  }

  function* tick(now_ms: number): Generator<AuthWindow, void, void> {
    for (const attempt of attempts.expire(now_ms)) yield* windows.add(attempt);
    yield* windows.advance(now_ms);
  }

  async function* followed(reader: LineReader, stop: AbortSignal): AsyncGenerator<AuthWindow, void, void> {
    // What the log holds from before the start counts as far as a window reaches back.
    const oldest_ms = options.now_ms() - AUTH_WINDOW_S * 1000;
    try {
      for await (const raw of reader.lines(stop)) yield* raw === null ? tick(options.now_ms()) : take(raw, oldest_ms);
    } catch (cause) {
      throw new SourceError(spec, cause instanceof Error ? cause.message : String(cause), REMEDY, { cause });
    }
  }

  async function* whole(file: string, stop: AbortSignal): AsyncGenerator<AuthWindow, void, void> {
    const input = await openInput(spec, file, stop);
    for await (const chunk of input.chunks) {
      if (stop.aborted) return;
      for (const raw of splitter.push(chunk)) yield* take(raw, Number.NEGATIVE_INFINITY);
    }
    for (const raw of splitter.end()) yield* take(raw, Number.NEGATIVE_INFINITY);
  }

  return {
    spec,
    async *windows(stop) {
      yield* typeof log === 'string' ? whole(log, stop) : followed(log, stop);
      for (const attempt of attempts.finish()) yield* windows.add(attempt);
      yield* windows.finish();
    },
    losses: () => ({
      ...windows.losses,
      auth_connection_evicted: attempts.evicted,
      ...(typeof log === 'string' ? { line_too_long: tooLong } : log.losses()),
    }),
  };
}
