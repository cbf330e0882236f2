/** The environment of the train Worker, checked once. */
import type { ObjectStore } from '../storage/object-store.ts';
import { openStore, type StorageBindings } from '../storage/open-store.ts';

/** As the platform hands it over. */
export type UncheckedBindings = StorageBindings;

export interface Bindings {
  readonly store: ObjectStore;
}

const checked = new WeakMap<UncheckedBindings, Bindings>();

/** @throws BindingsError */
export function bindingsOf(env: UncheckedBindings): Bindings {
  let bindings = checked.get(env);
  if (bindings === undefined) {
    bindings = { store: openStore(env) };
    checked.set(env, bindings);
  }
  return bindings;
}
