/** A line of the stored windows: the window as it was accepted, with the mark of its verdict. */
import * as z from 'zod';
import { authWindow } from './auth-window.ts';
import { networkWindow } from './network-window.ts';
import { THREAT_TYPES, UNLEARNED_THREATS } from './threats.ts';

const verdictMark = {
  /** True where the window raised an alert. */
  alerted: z.boolean().default(false),
  threat_types: z.array(z.enum(THREAT_TYPES)).optional(),
  /** The models that raised it; null: the rules alone. */
  judged_by: z.string().nullable().optional(),
};

export const storedNetworkWindow = networkWindow.extend(verdictMark);
export const storedAuthWindow = authWindow.extend(verdictMark);
export const storedWindow = z.union([storedNetworkWindow, storedAuthWindow]);

export type StoredNetworkWindow = z.output<typeof storedNetworkWindow>;
export type StoredWindow = z.output<typeof storedWindow>;

/** What a window is known by among those of its group: ids are each host's own, so that none can take another's. */
export function windowKey({ host, id }: { readonly host: string; readonly id: string }): string {
  return `${host}/${id}`;
}

/**
 * Whether training may learn the window as normal: it raised no alert, or only such before there was a baseline as every busy
 * or distant host raises. Without these a busy host could never learn that it is busy.
 */
export function isLearnable({
  alerted,
  judged_by,
  threat_types = [],
}: Pick<StoredWindow, keyof typeof verdictMark>): boolean {
  if (!alerted) return true;
  const unlearned: ReadonlySet<string> = new Set(UNLEARNED_THREATS);
  return judged_by === null && threat_types.every((type) => unlearned.has(type));
}

/** Everything stored for a group, or for all. Below it: `<group>/<yyyy>/<mm>/<dd>/<hh>/<batch id>.ndjson.gz`, or `<hash>.merged.ndjson.gz`. */
export const WINDOWS_PREFIX = 'windows/';

/** The folder of the hour in UTC in which windows were accepted, such as `windows/web/2026/11/20/22/`. */
export function windowsFolder(group: string, at: Date): string {
  const [date = '', time = ''] = at.toISOString().split('T');
  return `${WINDOWS_PREFIX}${group}/${date.replaceAll('-', '/')}/${time.slice(0, 2)}/`;
}

/** The windows of one post of one group on their way into storage. */
export interface WindowPost {
  readonly group: string;
  /** The same on every retry of the post. */
  readonly id: string;
  /** Stored windows, one JSON object a line, each line ended. */
  readonly lines: string;
}
