/** The environment of the train Worker, checked once. */
import { BindingsError } from '../bindings-error.ts';
import { openStore, type StorageBindings } from '../storage/open-store.ts';
import type { TrainCounters } from './counters.ts';
import type { Keeping } from './upkeep/keep-storage.ts';

/** As the platform hands it over. */
export interface UncheckedBindings extends StorageBindings {
  WINDOW_RETENTION_DAYS?: string;
  MODEL_VERSIONS_KEPT?: string;
  /** Where neither a Queue nor a cron calls, as under `vigia serve`, there is none. */
  COUNTERS?: DurableObjectNamespace<TrainCounters>;
}

/** Twice what a training looks back. */
const WINDOW_RETENTION_DAYS = 30;
/** As many as `vigia models` lists. */
const MODEL_VERSIONS_KEPT = 20;

const checked = new WeakMap<UncheckedBindings, Keeping>();

/** @throws BindingsError */
export function bindingsOf(env: UncheckedBindings): Keeping {
  let bindings = checked.get(env);
  if (bindings === undefined) {
    bindings = {
      store: openStore(env),
      windowRetentionDays: readCount(env, 'WINDOW_RETENTION_DAYS', WINDOW_RETENTION_DAYS),
      modelVersionsKept: readCount(env, 'MODEL_VERSIONS_KEPT', MODEL_VERSIONS_KEPT),
    };
    checked.set(env, bindings);
  }
  return bindings;
}

function readCount(
  env: UncheckedBindings,
  name: 'WINDOW_RETENTION_DAYS' | 'MODEL_VERSIONS_KEPT',
  fallback: number,
): number {
  const text = env[name]?.trim() ?? '';
  const value = text === '' ? fallback : Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new BindingsError(name, `must be a whole number from 1, or unset for ${fallback}`);
  return value;
}
