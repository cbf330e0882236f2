/** `POST /train`, `GET /models`, `POST /models/rollback`. */
import { MODEL_NAMES } from '../../contract/features.ts';
import { type Manifest, manifest as manifestSchema, modelVersion } from '../../contract/manifest.ts';
import {
  type ListedModel,
  type ModelPage,
  modelQuery,
  type RolledBack,
  rollbackRequest,
  type ShadowTally,
} from '../../contract/model-list.ts';
import { fieldErrors } from '../../contract/problem.ts';
import { driftOf } from '../../models/training/drift.ts';
import { readText } from '../http/body.ts';
import { mediaType, parseJson } from '../http/json.ts';
import { HttpProblem } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { BrokenPointerError, movePointer, readPointer, seenPointer } from '../storage/current-pointer.ts';
import { MODELS_PREFIX, modelKey } from '../storage/model-keys.ts';
import { listFolders, type ObjectStore } from '../storage/object-store.ts';
import { answerPage } from './page.ts';
import { type AppContext, bindingsOf, groupOf, incidentsOf } from './services.ts';
import { TrainingDeadlineError } from './training/deadline.ts';
import { trainGroup } from './training/train-group.ts';

const BODY_BYTES = 16 * 1024;

export async function train(c: AppContext): Promise<Response> {
  const group = groupOf(c);
  const outcome = await trainGroup(bindingsOf(c.env), group).catch((cause: unknown) => {
    if (cause instanceof TrainingDeadlineError) throw new HttpProblem(504, `${cause.message}.`, {}, { cause });
    throw cause;
  });
  if (outcome.status === 'not_enough_data') throw new HttpProblem(422, outcome.reason);
  if (outcome.status === 'running')
    throw new HttpProblem(
      409,
      `A training of group "${group}" runs since ${outcome.since}; GET /models tells what becomes of it.`,
      { headers: { 'retry-after': '30' } },
    );
  return c.json(outcome);
}

export async function listModels(c: AppContext): Promise<Response> {
  const { limit, cursor } = readQuery(c.req.query(), modelQuery);
  const group = groupOf(c);
  const { store } = bindingsOf(c.env);
  const current = await livePointer(store, group);
  const older = (await allVersions(store, group)).filter((version) => cursor === undefined || version < cursor);
  const versions = older.slice(0, limit);
  const { trainings } = bindingsOf(c.env);
  const [tallies, training, live, manifests] = await Promise.all([
    incidentsOf(bindingsOf(c.env), group).shadows(),
    trainings.getByName(group).state(),
    current === null ? null : readManifest(store, group, current.version),
    Promise.all(versions.map((version) => readManifest(store, group, version))),
  ]);
  return answerPage(c, {
    group,
    current: current?.version ?? null,
    previous: current?.previous ?? null,
    training,
    models: versions.flatMap((version, index) => {
      const manifest = manifests[index] ?? 'missing';
      // Without a manifest it is no version: a training writes it, or was ended before it was whole.
      if (manifest === 'missing') return [];
      const shadow = tallies.find((tally) => tally.version === version) ?? null;
      const listed = { version, live: version === current?.version, shadow };
      return [summary(listed, readable(manifest), readable(live))];
    }),
    next: older.length > limit ? (versions.at(-1) ?? null) : null,
  } satisfies ModelPage);
}

/** Points back to the version before, or to the one named in the body; one put, live in seconds. */
export async function rollback(c: AppContext): Promise<Response> {
  const group = groupOf(c);
  const { store } = bindingsOf(c.env);
  const wanted = await readRollback(c);
  const live = await livePointer(store, group);
  const version = wanted ?? live?.previous ?? null;
  if (version === null)
    throw new HttpProblem(409, 'There is no earlier version to go back to; "vigia models" lists all.');
  if (typeof (await readManifest(store, group, version)) === 'string')
    throw new HttpProblem(404, `There is no version ${version}; "vigia models" lists all.`);
  const moved = await movePointer(store, group, version, await seenPointer(store, group), new Date());
  if (!moved)
    throw new HttpProblem(409, 'Another version was promoted at this moment; look at GET /models and try again.');
  return c.json({ status: 'rolled_back', group, version, previous: live?.version ?? null } satisfies RolledBack);
}

async function readRollback(c: AppContext): Promise<string | null> {
  if (c.req.raw.body === null || c.req.header('content-length') === '0') return null;
  if (mediaType(c.req.raw) !== 'application/json') throw new HttpProblem(415, 'Send application/json.');
  const parsed = rollbackRequest.safeParse(parseJson(await readText(c.req.raw, BODY_BYTES)));
  if (!parsed.success) throw new HttpProblem(400, 'The body is not valid.', { errors: fieldErrors(parsed.error) });
  return parsed.data.version ?? null;
}

async function livePointer(
  store: ObjectStore,
  group: string,
): Promise<{ version: string; previous: string | null } | null> {
  try {
    const read = await readPointer(store, group);
    return read === null || read === 'unchanged' ? null : read.pointer;
  } catch (error) {
    if (error instanceof BrokenPointerError) return null;
    throw error;
  }
}

/** The newest first: versions begin with their time, so that the order of keys is the order of time. */
async function allVersions(store: ObjectStore, group: string): Promise<string[]> {
  const versions = await listFolders(store, `${MODELS_PREFIX}${group}/`);
  return versions.filter((version) => modelVersion.safeParse(version).success).reverse();
}

function readable(manifest: Manifest | 'missing' | 'unreadable' | null): Manifest | null {
  return typeof manifest === 'string' ? null : manifest;
}

async function readManifest(
  store: ObjectStore,
  group: string,
  version: string,
): Promise<Manifest | 'missing' | 'unreadable'> {
  const object = await store.get(modelKey(group, version, 'manifest.json'));
  if (object === null || object === 'unchanged') return 'missing';
  try {
    return manifestSchema.parse(JSON.parse(new TextDecoder().decode(object.bytes)));
  } catch {
    return 'unreadable';
  }
}

function summary(
  listed: { version: string; live: boolean; shadow: ShadowTally | null },
  manifest: Manifest | null,
  live: Manifest | null,
): ListedModel {
  if (manifest === null) return { ...listed, readable: false };
  const { created_at, training, quality, models, abstained } = manifest;
  return {
    ...listed,
    readable: true,
    created_at,
    training,
    quality,
    models: MODEL_NAMES.filter((name) => models[name] !== undefined),
    abstained,
    drift: live === null || listed.live ? [] : driftOf(live, manifest),
  };
}
