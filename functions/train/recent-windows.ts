/** The windows that a training reads: a bounded, repeatable sample of every hour of what was stored lately. */
import type { NetworkWindow } from '../../contract/network-window.ts';
import { isLearnable, WINDOWS_PREFIX, windowKey, windowsFolder } from '../../contract/stored-window.ts';
import { outsideQuarantine } from '../../models/training/learnable-windows.ts';
import { listAll, type ObjectStore } from '../storage/object-store.ts';
import { type ReadLosses, readWindows } from '../storage/window-objects.ts';
import { HourlySample } from './hourly-sample.ts';

const LOOK_BACK_DAYS = 14;
const DAY_MS = 86_400_000;
const MAX_OBJECTS = 4_000;
export const MAX_WINDOWS = 20_000;
/** What is slow shows after half an hour, and people mark what they saw later still: until then a window may be an attack. */
const SETTLING_MS = 3_600_000;
/** With fewer settled windows the newer ones are learned too: a young deployment has nothing else. */
const FEWEST_SETTLED = 2_000;

export interface RecentWindows {
  /** Windows that may be learned as normal, or whose alert a person called false; by host, interface and time. */
  readonly windows: NetworkWindow[];
  /** Left out because they raised an alert. */
  readonly alerted: number;
  /** Left out because they are within ten periods of one that did: an attack begins and ends weaker than it is. */
  readonly quarantined: number;
  /** Left out because they are younger than an hour, and there are enough older ones. */
  readonly unsettled: number;
  readonly losses: ReadLosses;
}

/**
 * Reads at most MAX_WINDOWS network windows of the last days, of every hour as many, whether its objects are merged or not.
 * They come in rows of a host, which the temporal model needs, and in an order that only names decide, so that the same
 * objects give the same sample.
 */
export async function recentWindows(
  store: ObjectStore,
  group: string,
  now: Date,
  falseAlarmWindows: ReadonlySet<string>,
): Promise<RecentWindows> {
  const keys = await recentKeys(store, group, now);
  const sample = new HourlySample(keys, MAX_WINDOWS);
  const losses: ReadLosses = { unreadableObjects: 0, invalidLines: 0, duplicates: 0 };
  const windows: NetworkWindow[] = [];
  const attacks = new Set<string>();
  for await (const stored of readWindows(store, sample.keys(MAX_OBJECTS), losses, sample.choose)) {
    const { alerted: _, threat_types: __, judged_by: ___, ...window } = stored;
    if (!('interface' in window)) continue;
    if (!isLearnable(stored) && !falseAlarmWindows.has(windowKey(window))) attacks.add(windowKey(window));
    windows.push(window);
    if (windows.length - attacks.size >= MAX_WINDOWS) break;
  }
  const learnable = outsideQuarantine(windows, (window) => attacks.has(windowKey(window)));
  const settled = learnable.filter(({ start }) => Date.parse(start) < now.getTime() - SETTLING_MS);
  const learned = settled.length >= FEWEST_SETTLED ? settled : learnable;
  learned.sort(
    (left, right) =>
      compare(left.host, right.host) || compare(left.interface, right.interface) || compare(left.start, right.start),
  );
  return {
    windows: learned,
    alerted: attacks.size,
    quarantined: windows.length - learnable.length - attacks.size,
    unsettled: learnable.length - learned.length,
    losses,
  };
}

async function recentKeys(store: ObjectStore, group: string, now: Date): Promise<string[]> {
  const from = windowsFolder(group, new Date(now.getTime() - LOOK_BACK_DAYS * DAY_MS));
  const keys: string[] = [];
  for await (const key of listAll(store, `${WINDOWS_PREFIX}${group}/`, from)) keys.push(key);
  return keys;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
