/** What the train Worker does on schedule: merges windows, and deletes those and the models that have had their time. */
import { WINDOWS_PREFIX } from '../../../contract/stored-window.ts';
import { MODELS_PREFIX } from '../../storage/model-keys.ts';
import { listFolders, type ObjectStore } from '../../storage/object-store.ts';
import { type Budget, compactGroup } from './compact-windows.ts';
import { expireVersions } from './expire-versions.ts';
import { expireWindows } from './expire-windows.ts';

const DAY_MS = 86_400_000;
const RUN_MS = 1_200_000;
/** Each is read, and a Worker may ask for so many things a run. */
const PARTS_A_RUN = 4_000;

export interface Keeping {
  readonly store: ObjectStore;
  /** Windows are kept for so many days. */
  readonly windowRetentionDays: number;
  /** So many versions of a group's models are kept, beside those that a pointer names. */
  readonly modelVersionsKept: number;
}

/**
 * A group that fails does not keep the others from it. Everything done is logged with its count.
 * @returns how often something failed: to list the groups, or of one its windows or models
 */
export async function keepStorage(
  { store, windowRetentionDays, modelVersionsKept }: Keeping,
  now: Date,
): Promise<number> {
  let failed = 0;
  const budget: Budget = { parts: PARTS_A_RUN };
  const before = new Date(now.getTime() - windowRetentionDays * DAY_MS);
  const groupsBelow = async (prefix: string): Promise<string[]> => {
    try {
      return await listFolders(store, prefix);
    } catch (error) {
      failed++;
      log('error', 'storage_not_kept', { message: String(error) });
      return [];
    }
  };
  for (const group of inTurn(await groupsBelow(WINDOWS_PREFIX), now)) {
    failed += await logged('windows_kept', group, async () => {
      const expired = await expireWindows(store, group, before);
      return { expired, ...(await compactGroup(store, group, now, budget)) };
    });
  }
  if (budget.parts === 0)
    log('info', 'compaction_goes_on', { message: `${PARTS_A_RUN} objects read, the rest next time` });
  for (const group of await groupsBelow(MODELS_PREFIX)) {
    failed += await logged('models_kept', group, async () => {
      const { versions, unfinished } = await expireVersions(store, group, modelVersionsKept, now);
      return { expired: versions.length, versions: versions.join(' '), unfinished: unfinished.join(' ') };
    });
  }
  return failed;
}

/** Each run begins with another group, so that none waits for ever behind those before it. */
function inTurn(groups: readonly string[], now: Date): string[] {
  const first = Math.floor(now.getTime() / RUN_MS) % Math.max(1, groups.length);
  return [...groups.slice(first), ...groups.slice(0, first)];
}

/** @returns 1 where it failed, 0 where it did not */
async function logged(
  event: string,
  group: string,
  work: () => Promise<Record<string, number | string>>,
): Promise<number> {
  try {
    const done = await work();
    if (Object.values(done).some((value) => value !== 0 && value !== '')) log('info', event, { group, ...done });
    return 0;
  } catch (error) {
    log('error', 'storage_not_kept', { group, message: String(error) });
    return 1;
  }
}

function log(level: 'info' | 'error', event: string, facts: Record<string, number | string>): void {
  console.log(JSON.stringify({ level, event, ...facts }));
}
