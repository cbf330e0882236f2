/** Who listens to changes as they happen: server-sent events, resumed after the last one that a listener had. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { ChangeLog, LoggedChange } from './change-log.ts';

const MAX_LISTENERS = 32;
/** On their way to a listener; one that reads slower is let go, and comes back with the number of its last. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;
/** A token is asked for anew at least this often. */
const LONGEST_MS = 30 * 60_000;
const RETRY_MS = 3_000;

interface Listener {
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly until: number;
  unreadBytes: number;
}

export class LiveStream {
  readonly #log: ChangeLog;
  readonly #count: (what: 'listeners_refused' | 'listeners_dropped') => void;
  readonly #listeners = new Set<Listener>();
  readonly #encoder = new TextEncoder();
  #batch = '';
  #heartbeat: number | null = null;

  /** @param count told of each listener that is refused, or let go since it reads too slowly */
  constructor(log: ChangeLog, count: (what: 'listeners_refused' | 'listeners_dropped') => void) {
    this.#log = log;
    this.#count = count;
  }

  /**
   * @param after number of the last event that the listener had; null where it begins
   * @returns null where there are too many listeners
   */
  open(after: number | null, now: number): ReadableStream<Uint8Array> | null {
    if (this.#listeners.size >= MAX_LISTENERS) {
      // A listener that is gone shows it only after it was written to: whoever asks again finds its place free.
      this.#beat(now);
      this.#count('listeners_refused');
      return null;
    }
    this.#flush();
    const { readable, writable } = new IdentityTransformStream();
    const listener: Listener = { writer: writable.getWriter(), until: now + LONGEST_MS, unreadBytes: 0 };
    this.#listeners.add(listener);
    listener.writer.closed.catch(() => undefined).finally(() => this.#drop(listener));
    this.#heartbeat ??= setInterval(() => this.#beat(Date.now()), HEARTBEAT_MS);
    this.#write(listener, this.#encoder.encode(this.#beginning(after)));
    return readable;
  }

  /** What one post changed goes out as one piece. */
  send(change: LoggedChange): void {
    if (this.#listeners.size === 0) return;
    if (this.#batch === '') queueMicrotask(() => this.#flush());
    this.#batch += asEvent(change);
  }

  #flush(): void {
    if (this.#batch === '') return;
    const bytes = this.#encoder.encode(this.#batch);
    this.#batch = '';
    for (const listener of this.#listeners) this.#write(listener, bytes);
  }

  #beginning(after: number | null): string {
    const missed = after === null ? null : this.#log.after(after);
    if (missed !== null) return `retry: ${RETRY_MS}\n\n${missed.map(asEvent).join('')}`;
    // An id without a gap from here on; `reset`: what the listener knows may be out of date.
    return `retry: ${RETRY_MS}\nevent: ${after === null ? 'begin' : 'reset'}\nid: ${this.#log.latest()}\ndata: {}\n\n`;
  }

  #beat(now: number): void {
    const bytes = this.#encoder.encode(': still here\n\n');
    for (const listener of this.#listeners) {
      if (listener.until > now) this.#write(listener, bytes);
      else void listener.writer.close().catch(() => undefined);
    }
  }

  #write(listener: Listener, bytes: Uint8Array): void {
    if (listener.unreadBytes > 0 && listener.unreadBytes + bytes.length > MAX_UNREAD_BYTES) {
      this.#drop(listener);
      this.#count('listeners_dropped');
      void listener.writer.abort().catch(() => undefined);
      return;
    }
    listener.unreadBytes += bytes.length;
    listener.writer.write(bytes).then(
      () => {
        listener.unreadBytes -= bytes.length;
      },
      () => this.#drop(listener),
    );
  }

  #drop(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }
}

function asEvent({ id, kind, body }: LoggedChange): string {
  return `event: ${kind}\nid: ${id}\ndata: ${body}\n\n`;
}
