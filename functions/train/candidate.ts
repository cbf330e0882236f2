/** Writes a trained set of models beside the live one, and says what speaks against its promotion. */
import { MODEL_NAMES } from '../../contract/features.ts';
import { type Manifest, manifest as manifestSchema } from '../../contract/manifest.ts';
import { hasSeenADay, possiblePoisoning } from '../../models/training/drift.ts';
import type { Candidate } from '../../models/training/train-fleet.ts';
import type { SeenPointer } from '../storage/current-pointer.ts';
import { modelKey } from '../storage/model-keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** Files go first, the manifest last: a version that has one is whole. */
export async function writeCandidate(store: ObjectStore, { manifest, files }: Candidate): Promise<void> {
  const { group, version } = manifest;
  for (const [file, bytes] of files) await store.put(modelKey(group, version, file), new Uint8Array(bytes).buffer);
  const json = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  await store.put(modelKey(group, version, 'manifest.json'), new Uint8Array(json).buffer);
}

/** What speaks against a candidate beside the version that was live when its training began; null where nothing does. */
export async function objectionTo(
  store: ObjectStore,
  { manifest }: Candidate,
  seen: SeenPointer,
): Promise<string | null> {
  return refuse(manifest, seen?.version ? await liveManifest(store, manifest.group, seen.version) : null);
}

/** A candidate may find so much less of the injected attacks than the live version does. */
const INJECTED_SLACK = 0.05;
/** Than one of less than a day: the less it has seen, the less is normal to it, and the more it finds. */
const SLACK_WITHIN_A_DAY = 0.25;

/** Why a candidate may not replace the live version; null where it may. */
export function refuse(candidate: Manifest, live: Manifest | null): string | null {
  return (
    lacksModels(candidate, live) ??
    breaksBudget(candidate) ??
    losesAttacks(candidate, live) ??
    (live && possiblePoisoning(live, candidate))
  );
}

function lacksModels(candidate: Manifest, live: Manifest | null): string | null {
  const trained = MODEL_NAMES.filter((name) => candidate.models[name] !== undefined);
  if (trained.length === 0) return 'no model had enough data';
  if (candidate.golden.length === 0) return 'it has no golden vectors to check a runtime by';
  const lost = MODEL_NAMES.find((name) => live?.models[name] !== undefined && candidate.models[name] === undefined);
  if (lost === undefined) return null;
  return `it has no ${lost} model, which the live version has: ${candidate.abstained[lost] ?? 'no reason given'}`;
}

/** Three standard deviations of a Poisson count, and two more for the smallest samples, are chance. */
function breaksBudget({ quality }: Manifest): string | null {
  const { false_alerts, allowed_false_alerts, budget_per_host_day } = quality;
  if (false_alerts <= allowed_false_alerts + 3 * Math.sqrt(allowed_false_alerts) + 2) return null;
  return `it raised ${false_alerts} false alerts on held-out windows, where a budget of ${budget_per_host_day} a host and day allows ${allowed_false_alerts.toFixed(2)}`;
}

function losesAttacks({ quality }: Manifest, live: Manifest | null): string | null {
  if (live === null) return null;
  const slack = hasSeenADay(live) ? INJECTED_SLACK : SLACK_WITHIN_A_DAY;
  if (quality.injected_found >= live.quality.injected_found - slack) return null;
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return `it finds ${percent(quality.injected_found)} of the injected attacks, of which the live version finds ${percent(live.quality.injected_found)}`;
}

/** Null where the live version is unreadable: then anything is better. */
async function liveManifest(store: ObjectStore, group: string, version: string): Promise<Manifest | null> {
  const object = await store.get(modelKey(group, version, 'manifest.json'));
  if (object === null || object === 'unchanged') return null;
  try {
    return manifestSchema.parse(JSON.parse(new TextDecoder().decode(object.bytes)));
  } catch (error) {
    console.warn(
      JSON.stringify({ level: 'warn', event: 'manifest_unreadable', group, version, message: String(error) }),
    );
    return null;
  }
}
