/** Too little to fit any model on; the message says what is there and what is needed. */
export class NotEnoughDataError extends Error {
  override readonly name = 'NotEnoughDataError';
  readonly windows: number;
  readonly needed: number;

  constructor(group: string, windows: number, needed: number) {
    super(
      `Group "${group}" has ${windows} windows without alert; training needs at least ${needed}. Let a collector run for a few minutes.`,
    );
    this.windows = windows;
    this.needed = needed;
  }
}
