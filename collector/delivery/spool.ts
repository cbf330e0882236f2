/** Windows on their way to the edge: logged when they come, posted in batches, gone when the edge has stored them. */
import { mkdirSync } from 'node:fs';
import { MAX_WINDOWS } from '../../contract/detect-request.ts';
import type { CollectedWindow } from '../sources/source.ts';
import { contextBefore } from './batch.ts';
import { MAX_BACKLOG, readCursor, type Stretch, writeCursor } from './cursor.ts';
import { lockFolder } from './folder-lock.ts';
import { Lane } from './lane.ts';
import { RejectedFolder } from './rejected-folder.ts';
import { DEFAULT_LOG_BOUNDS, type LogBounds, type LogLoss, WindowLog } from './window-log.ts';

export class Spool {
  readonly #folder: string;
  readonly #unlock: () => void;
  readonly #log: WindowLog;
  readonly #rejected: RejectedFolder;
  /** Oldest first. */
  #backlog: Lane[];
  #live: Lane;
  #cursorError: string | null = null;
  /** What bounds left out of the context of batches so far. */
  readonly contextCut = { no_room: 0, series_forgotten: 0 };

  /** @throws FolderInUseError where another collector uses the folder; the error of the system where it can't be made */
  constructor(folder: string, bounds: LogBounds = DEFAULT_LOG_BOUNDS) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#unlock = lockFolder(folder);
    const { backlog, live } = readCursor(folder);
    this.#log = new WindowLog(folder, bounds, live.batchEnd ?? live.next);
    this.#rejected = new RejectedFolder(folder);
    this.#backlog = backlog.map((stretch) => this.#lane(stretch)).filter(({ waiting }) => waiting > 0);
    this.#live = this.#lane(live);
    this.#tellNeed();
  }

  /** The newest windows. */
  get live(): Lane {
    return this.#live;
  }

  /** The oldest windows of those that were set aside; null where none were. */
  get backlog(): Lane | null {
    return this.#backlog[0] ?? null;
  }

  /** Windows that the edge has not stored. */
  get waiting(): number {
    return this.#lanes.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  get bytes(): number {
    return this.#log.bytes;
  }

  /** Windows lost, by reason. */
  get lost(): Record<LogLoss | 'dropped_rejected', number> {
    return { ...this.#log.lost, dropped_rejected: this.#rejected.droppedWindows };
  }

  /** What the disk last refused; null while it takes what it is given. */
  get writeError(): string | null {
    return this.#log.writeError?.message ?? this.#cursorError ?? this.#rejected.writeError;
  }

  add(window: CollectedWindow): void {
    this.#log.append(JSON.stringify(window));
  }

  /** What waits becomes backlog, so that windows from now on need not wait for it. */
  setBacklogAside(): void {
    const { next } = this.#log;
    if (this.#backlog.length >= MAX_BACKLOG) return;
    const { windows } = this.#log.read({ from: Math.max(0, next - MAX_WINDOWS), end: next }, MAX_WINDOWS);
    this.#live.end(next);
    this.#backlog.push(this.#live);
    this.#live = this.#lane({ next, end: null, batchEnd: null, context: contextBefore(windows) });
    this.#moved();
  }

  /** The edge has stored the lane's batch. */
  stored(lane: Lane): void {
    lane.done('stored');
  }

  /**
   * The edge will never take the lane's batch as it is: it is halved, down to the window that is at fault; that one is set aside
   * for a person to look at.
   * @returns windows set aside
   */
  rejected(lane: Lane, reason: string): number {
    const batch = lane.next();
    if (batch === null || lane.halve()) return 0;
    this.#rejected.add(batch, reason);
    lane.done('rejected');
    return batch.windows;
  }

  /** Makes durable what came since the last time. */
  sync(): void {
    this.#log.sync();
  }

  close(): void {
    this.#log.close();
    this.#unlock();
  }

  get #lanes(): Lane[] {
    return [...this.#backlog, this.#live];
  }

  #lane(stretch: Stretch): Lane {
    return new Lane(
      stretch,
      this.#log,
      () => this.#moved(),
      ({ no_room, series_forgotten }) => {
        this.contextCut.no_room += no_room;
        this.contextCut.series_forgotten += series_forgotten;
      },
    );
  }

  /** Windows go after the cursor has passed them; before it only where the disk is too full for the cursor. */
  #moved(): void {
    this.#backlog = this.#backlog.filter(({ waiting }) => waiting > 0);
    const isNoted = this.#noteCursor();
    this.#tellNeed();
    if (!isNoted) this.#noteCursor();
  }

  #tellNeed(): void {
    this.#log.needs({
      waiting: this.#lanes.map(({ range }) => range),
      held: this.#lanes.map(({ held }) => held).filter((held) => held !== null),
    });
  }

  #noteCursor(): boolean {
    try {
      writeCursor(this.#folder, {
        backlog: this.#backlog.map(({ stretch }) => stretch),
        live: this.#live.stretch,
      });
      this.#cursorError = null;
      return true;
    } catch (error) {
      this.#cursorError = error instanceof Error ? error.message : String(error);
      return false;
    }
  }
}
