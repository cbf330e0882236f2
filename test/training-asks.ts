/** What a test asks the Worker of training-worker.ts, and what that tells of storage. */

export type Ask =
  /** `breakAt`: the call of storage at which it breaks for good, from 0; -1: none. */
  | { readonly what: 'train'; readonly group: string; readonly breakAt: number }
  /** What is in storage; throws where something that looks whole is not. */
  | { readonly what: 'look'; readonly group: string }
  /** Clears up, as two hours later. */
  | { readonly what: 'sweep'; readonly group: string }
  /** As the cron; storage breaks for one of the groups. */
  | { readonly what: 'every group'; readonly broken: string }
  /** What the group's Trainings object remembers. */
  | { readonly what: 'state'; readonly group: string };

export interface Left {
  /** Null: none was promoted. */
  readonly live: string | null;
  /** Versions with a manifest; each was loaded and verified. */
  readonly whole: readonly string[];
  /** Folders without one. */
  readonly unfinished: readonly string[];
}
