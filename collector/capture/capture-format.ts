/** What a reader of one capture format is to the parser that feeds it bytes. */
import type { OnFrame } from './frame.ts';

export interface CaptureFormat {
  /** Bytes that the next record needs before `read` can take it; known after `read` returned 0. */
  readonly needed: number;
  /**
   * Reads the record at `at`, and passes on its frame if it has one.
   * @param offset of the record in the capture, for errors
   * @returns bytes it takes, possibly more than there are (the rest is skipped); 0 where it needs more
   * @throws CaptureError
   */
  read(data: Uint8Array, view: DataView, at: number, offset: number, onFrame: OnFrame): number;
}
