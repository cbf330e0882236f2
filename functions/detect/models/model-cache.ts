/** The live models of each group, kept in the isolate and revalidated by etag; a refused version leaves the last good one on. */
import type { Manifest } from '../../../contract/manifest.ts';
import type { Fleet } from '../../../models/votes.ts';
import { BrokenPointerError } from '../../storage/current-pointer.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { CompiledRuntime } from '../onnx-session.ts';
import { readModelFile } from './read-model-file.ts';
import { type LoadedModels, loadVerified, ModelRefusedError } from './verify-models.ts';

/** A refused version is tried again after this time: an upload may have been cut and repeated. */
const RETRY_REFUSED_MS = 60_000;
/** Longer than any load takes; then the answer goes without models. */
const LOAD_TIMEOUT_MS = 20_000;
const LOOK_EVERY_MS = 5;

/** Which versions a cache holds, and how. */
export interface CacheSettings {
  /** Reads the pointer to the version of a group. */
  readonly pointer: (
    store: ObjectStore,
    group: string,
    knownEtag?: string,
  ) => Promise<{ readonly pointer: { readonly version: string }; readonly etag: string } | 'unchanged' | null>;
  /** What `models_live` is called in the log. */
  readonly event: string;
  /** A pointer that moved is followed within this time and one load. */
  readonly revalidateMs: number;
  /** Groups an isolate keeps models of; the least recently used makes room. */
  readonly maxGroups: number;
  /** Whether models go when their pointer does; else the last good ones stay. */
  readonly letsGo: boolean;
}

export interface Refusal {
  readonly version: string | null;
  readonly reason: string;
  readonly at: string;
}

export interface CacheStatus {
  readonly manifest: Manifest | null;
  readonly refusal: Refusal | null;
}

/** A loaded version counts its users, and goes once it is replaced and the last of them is done. */
interface Entry {
  readonly models: LoadedModels;
  users: number;
  retired: boolean;
}

interface GroupState {
  entry: Entry | null;
  etag: string | undefined;
  checkedAt: number;
  refusal: Refusal | null;
  refreshing: boolean;
}

export interface ModelCacheContext {
  readonly store: ObjectStore;
  readonly runtime: CompiledRuntime;
  readonly now: number;
  /** Keeps the request that refreshes alive until it is done, since others wait for it. */
  waitUntil(work: Promise<unknown>): void;
}

export class ModelCache {
  readonly #groups = new Map<string, GroupState>();
  readonly #settings: CacheSettings;

  constructor(settings: CacheSettings) {
    this.#settings = settings;
  }

  /**
   * Calls `use` with the live models of the group (null: none yet), which stay loaded until it is done.
   * The first use of a group waits for the load; later ones go on with what is there while a check runs beside.
   */
  async withFleet<T>(group: string, context: ModelCacheContext, use: (fleet: Fleet | null) => Promise<T>): Promise<T> {
    const state = this.#touch(group);
    const first = state.checkedAt === Number.NEGATIVE_INFINITY;
    this.#refreshIfDue(group, state, context);
    if (first) await refreshed(state);
    const { entry } = state;
    if (entry === null) return use(null);
    entry.users++;
    try {
      return await use(entry.models);
    } finally {
      entry.users--;
      if (entry.retired && entry.users === 0) await entry.models.release();
    }
  }

  /** What is live and what was refused, after a check if one is due. */
  async status(group: string, context: ModelCacheContext): Promise<CacheStatus> {
    const state = this.#touch(group);
    this.#refreshIfDue(group, state, context);
    await refreshed(state);
    return { manifest: state.entry?.models.manifest ?? null, refusal: state.refusal };
  }

  #touch(group: string): GroupState {
    const known = this.#groups.get(group);
    const state = known ?? {
      entry: null,
      etag: undefined,
      checkedAt: Number.NEGATIVE_INFINITY,
      refusal: null,
      refreshing: false,
    };
    this.#groups.delete(group);
    this.#groups.set(group, state);
    if (this.#groups.size > this.#settings.maxGroups) {
      const [oldest] = this.#groups;
      if (oldest !== undefined) {
        this.#groups.delete(oldest[0]);
        void retire(oldest[1].entry);
      }
    }
    return state;
  }

  #refreshIfDue(group: string, state: GroupState, context: ModelCacheContext): void {
    if (state.refreshing || context.now - state.checkedAt < this.#settings.revalidateMs) return;
    state.refreshing = true;
    const work = refresh(group, state, context, this.#settings)
      .catch((error: unknown) => {
        state.etag = undefined; // the next check reads in full, and clears the fault if it has passed
        noteRefusal(group, state, null, String(error), context.now);
      })
      .finally(() => {
        state.checkedAt = context.now;
        state.refreshing = false;
      });
    context.waitUntil(work);
  }
}

/** Waits by looking: workerd cancels a request that waits for another one's promise and for nothing of its own. */
async function refreshed(state: GroupState): Promise<void> {
  for (let waited = 0; state.refreshing && waited < LOAD_TIMEOUT_MS; waited += LOOK_EVERY_MS)
    await scheduler.wait(LOOK_EVERY_MS);
}

async function refresh(
  group: string,
  state: GroupState,
  context: ModelCacheContext,
  { pointer, event, letsGo }: CacheSettings,
): Promise<void> {
  const retry = state.refusal !== null && context.now - Date.parse(state.refusal.at) > RETRY_REFUSED_MS;
  try {
    const read = await pointer(context.store, group, retry ? undefined : state.etag);
    if (read === null && letsGo) {
      await retire(state.entry);
      state.entry = null;
      state.etag = undefined;
    }
    if (read === 'unchanged' || read === null) return;
    const { version } = read.pointer;
    state.etag = read.etag;
    if (state.entry?.models.manifest.version !== version) {
      const models = await loadVerified(
        group,
        version,
        (file) => readModelFile(context.store, group, version, file),
        context.runtime,
      );
      const old = state.entry;
      state.entry = { models, users: 0, retired: false };
      await retire(old);
      console.log(JSON.stringify({ level: 'info', event, group, version }));
    }
    state.refusal = null;
  } catch (error) {
    if (error instanceof ModelRefusedError) noteRefusal(group, state, error.version, error.message, context.now);
    else if (error instanceof BrokenPointerError) {
      state.etag = error.etag;
      noteRefusal(group, state, null, error.message, context.now);
    } else throw error;
  }
}

async function retire(entry: Entry | null): Promise<void> {
  if (entry === null) return;
  entry.retired = true;
  if (entry.users === 0) await entry.models.release();
}

/** Logs a refusal once, not at every check that meets it again. */
function noteRefusal(group: string, state: GroupState, version: string | null, reason: string, now: number): void {
  const repeated = state.refusal?.version === version && state.refusal.reason === reason;
  state.refusal = { version, reason, at: new Date(now).toISOString() };
  if (repeated) return;
  const live = state.entry?.models.manifest.version ?? null;
  console.warn(JSON.stringify({ level: 'warn', event: 'models_refused', group, version, reason, live }));
}
