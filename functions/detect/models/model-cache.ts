/** The live models of each group, kept in the isolate and revalidated by etag; a refused version leaves the last good one on. */
import type { Manifest } from '../../../contract/manifest.ts';
import type { Fleet } from '../../../models/votes.ts';
import { BrokenPointerError } from '../../storage/current-pointer.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { CompiledRuntime } from '../onnx-session.ts';
import { readModelFile } from './read-model-file.ts';
import { Uses } from './uses.ts';
import { type LoadedModels, loadVerified, ModelRefusedError } from './verify-models.ts';

/** A refused version is tried again after this time: an upload may have been cut and repeated. */
const RETRY_REFUSED_MS = 60_000;
/** Longer than any load takes; then the answer goes without models. */
const LOAD_TIMEOUT_MS = 20_000;
const LOOK_EVERY_MS = 5;
/** Versions that are loaded at once; others wait, so that a thousand groups do not stand in memory together. */
const MOST_LOADS = 4;

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
  /** Groups an isolate remembers; the least recently used makes room. */
  readonly maxGroups: number;
  /** Of the files of all versions that are loaded; the least recently used makes room. */
  readonly maxBytes: number;
  /** Whether models go when their pointer does; else the last good ones stay. */
  readonly letsGo: boolean;
  /** Told of each version that is loaded, and of each that made room. */
  readonly count: (what: 'loads' | 'evictions') => void;
  /** Told of each version that is refused, again each time that it is tried again. */
  readonly countRefusal: (group: string) => void;
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

/** A loaded version; it goes once it is replaced and the last of its users is done. */
interface Entry {
  readonly models: LoadedModels;
  readonly uses: Uses;
}

interface GroupState {
  entry: Entry | null;
  etag: string | undefined;
  checkedAt: number;
  refusal: Refusal | null;
  refreshingSince: number | null;
  /** Requests that wait for it or judge by it: it makes no room for others until they are done. */
  readonly uses: Uses;
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
  readonly #loads = new Uses();
  /** Replaced, or made room, and not yet released. */
  readonly #retired = new Set<Entry>();

  constructor(settings: CacheSettings) {
    this.#settings = settings;
  }

  /** Of the files of all versions that are loaded. */
  get bytes(): number {
    let bytes = 0;
    for (const { entry } of this.#groups.values()) bytes += entry?.models.bytes ?? 0;
    for (const { models } of this.#retired) bytes += models.bytes;
    return bytes;
  }

  /**
   * Calls `use` with the live models of the group (null: none yet), which stay loaded until it is done.
   * The first use of a group waits for the load; later ones go on with what is there while a check runs beside.
   */
  async withFleet<T>(group: string, context: ModelCacheContext, use: (fleet: Fleet | null) => Promise<T>): Promise<T> {
    const state = this.#touch(group);
    const first = state.checkedAt === Number.NEGATIVE_INFINITY;
    const end = state.uses.begin();
    try {
      this.#refreshIfDue(group, state, context);
      if (first) await refreshed(state);
      return await this.#useEntry(state.entry, use);
    } finally {
      end();
    }
  }

  /** What is live and what was refused, after a check if one is due. */
  async status(group: string, context: ModelCacheContext): Promise<CacheStatus> {
    const state = this.#touch(group);
    this.#refreshIfDue(group, state, context);
    await refreshed(state);
    return { manifest: state.entry?.models.manifest ?? null, refusal: state.refusal };
  }

  /** Whether the group is judged by rules alone although it has models: they were refused, or could not be read. */
  lacks(group: string): boolean {
    const state = this.#groups.get(group);
    return state !== undefined && state.entry === null && state.refusal !== null;
  }

  #touch(group: string): GroupState {
    const state = this.#groups.get(group) ?? {
      entry: null,
      etag: undefined,
      checkedAt: Number.NEGATIVE_INFINITY,
      refusal: null,
      refreshingSince: null,
      uses: new Uses(),
    };
    this.#groups.delete(group);
    this.#groups.set(group, state);
    if (this.#groups.size > this.#settings.maxGroups) this.#evict(() => true);
    return state;
  }

  /** Lets the group go that was not asked for the longest, of those that nobody waits for. False where there is none. */
  #evict(may: (state: GroupState) => boolean): boolean {
    for (const [group, state] of this.#groups) {
      if (state.uses.count > 0 || isRefreshing(state, Date.now()) || !may(state)) continue;
      this.#groups.delete(group);
      if (state.entry === null) return true;
      this.#settings.count('evictions');
      this.#retire(state.entry);
      return true;
    }
    return false;
  }

  #refreshIfDue(group: string, state: GroupState, context: ModelCacheContext): void {
    if (isRefreshing(state, context.now)) return;
    if (context.now - state.checkedAt < this.#settings.revalidateMs) return;
    state.refreshingSince = context.now;
    const work = this.#refresh(group, state, context)
      .catch((error: unknown) => {
        state.etag = undefined; // the next check reads in full, and clears the fault if it has passed
        noteRefusal(group, state, null, String(error), context.now);
      })
      .finally(() => {
        state.checkedAt = context.now;
        state.refreshingSince = null;
      });
    context.waitUntil(work);
  }

  async #refresh(group: string, state: GroupState, context: ModelCacheContext): Promise<void> {
    const { pointer, event, letsGo } = this.#settings;
    const retry = state.refusal !== null && context.now - Date.parse(state.refusal.at) > RETRY_REFUSED_MS;
    try {
      const read = await pointer(context.store, group, retry ? undefined : state.etag);
      if (read === null && letsGo) {
        this.#retire(state.entry);
        state.entry = null;
        state.etag = undefined;
      }
      if (read === 'unchanged' || read === null) return;
      const { version } = read.pointer;
      state.etag = read.etag;
      if (state.entry?.models.manifest.version !== version) {
        const entry = { models: await this.#load(group, version, context), uses: new Uses() };
        this.#retire(state.entry);
        state.entry = entry;
        // Where this took so long that the group made room meanwhile, nobody would let it go any more.
        if (this.#groups.get(group) !== state) this.#retire(entry);
        console.log(JSON.stringify({ level: 'info', event, group, version }));
      }
      state.refusal = null;
    } catch (error) {
      if (!(error instanceof ModelRefusedError || error instanceof BrokenPointerError)) throw error;
      this.#settings.countRefusal(group);
      if (error instanceof BrokenPointerError) state.etag = error.etag;
      const version = error instanceof ModelRefusedError ? error.version : null;
      noteRefusal(group, state, version, error.message, context.now);
    }
  }

  /** Loads a version once there is room for it. @throws ModelRefusedError, StorageError, Error where no room came in time */
  async #load(group: string, version: string, { store, runtime }: ModelCacheContext): Promise<LoadedModels> {
    const isFull = (): boolean => {
      this.#release();
      while (this.bytes >= this.#settings.maxBytes) if (!this.#evict(({ entry }) => entry !== null)) return true;
      return false;
    };
    for (let waited = 0; this.#loads.count >= MOST_LOADS || isFull(); waited += LOOK_EVERY_MS) {
      if (waited >= LOAD_TIMEOUT_MS) throw new Error(`no room for the models of ${group} within ${LOAD_TIMEOUT_MS} ms`);
      await scheduler.wait(LOOK_EVERY_MS);
    }
    const end = this.#loads.begin();
    try {
      const models = await loadVerified(group, version, (file) => readModelFile(store, group, version, file), runtime);
      this.#settings.count('loads');
      return models;
    } finally {
      end();
    }
  }

  async #useEntry<T>(entry: Entry | null, use: (fleet: Fleet | null) => Promise<T>): Promise<T> {
    if (entry === null) return use(null);
    const end = entry.uses.begin();
    try {
      return await use(entry.models);
    } finally {
      end();
      if (this.#retired.has(entry)) this.#release();
    }
  }

  #retire(entry: Entry | null): void {
    if (entry !== null) this.#retired.add(entry);
    this.#release();
  }

  /** Those that nobody uses any more. */
  #release(): void {
    for (const entry of this.#retired) {
      if (entry.uses.count > 0) continue;
      this.#retired.delete(entry);
      entry.models.release().catch((error: unknown) => {
        console.warn(JSON.stringify({ level: 'warn', event: 'models_not_released', message: String(error) }));
      });
    }
  }
}

/** A request that refreshed may have been ended by the platform: after some time another one takes over. */
function isRefreshing({ refreshingSince }: GroupState, now: number): boolean {
  return refreshingSince !== null && now - refreshingSince < 2 * LOAD_TIMEOUT_MS;
}

/** Waits by looking: workerd cancels a request that waits for another one's promise and for nothing of its own. */
async function refreshed(state: GroupState): Promise<void> {
  for (let waited = 0; state.refreshingSince !== null && waited < LOAD_TIMEOUT_MS; waited += LOOK_EVERY_MS)
    await scheduler.wait(LOOK_EVERY_MS);
}

/** Logs a refusal once, not at every check that meets it again. */
function noteRefusal(group: string, state: GroupState, version: string | null, reason: string, now: number): void {
  const repeated = state.refusal?.version === version && state.refusal.reason === reason;
  state.refusal = { version, reason, at: new Date(now).toISOString() };
  if (repeated) return;
  const live = state.entry?.models.manifest.version ?? null;
  console.warn(JSON.stringify({ level: 'warn', event: 'models_refused', group, version, reason, live }));
}
