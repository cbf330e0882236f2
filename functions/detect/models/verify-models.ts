/** Loads one version of a group's models and refuses what is not exactly what training wrote. */

import { MAX_WINDOWS } from '../../../contract/detect-request.ts';
import { MODEL_NAMES, type ModelName } from '../../../contract/features.ts';
import { type GoldenVector, type Manifest, manifest as manifestSchema } from '../../../contract/manifest.ts';
import { fieldErrors } from '../../../contract/problem.ts';
import type { ModelRunner } from '../../../models/model-outputs.ts';
import { requireBounded } from '../../../models/onnx/bounded.ts';
import { decodeModel } from '../../../models/onnx/decode.ts';
import { sha256Hex } from '../../http/sha256.ts';
import { type CompiledRuntime, type OnnxModel, openModel } from '../onnx-session.ts';

/** A model set that may not judge anything; `reason` is for the operator. */
export class ModelRefusedError extends Error {
  override readonly name = 'ModelRefusedError';
  readonly version: string;

  constructor(version: string, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.version = version;
  }
}

export interface LoadedModels {
  readonly manifest: Manifest;
  readonly run: ModelRunner;
  /** Of its files. */
  readonly bytes: number;
  release(): Promise<void>;
}

/** Ours have less than a tenth. */
const MAX_MODEL_BYTES = 8 * 1024 * 1024;
/** Of a score; below 1, which no score of an attack is, of 1: what lies on a centroid is away from it by rounding alone. */
const GOLDEN_TOLERANCE = 1e-4;

/**
 * Checks manifest, hashes, graphs and golden vectors, and loads the models.
 * @param read the bytes of a file of this version, or null where it is missing
 * @throws ModelRefusedError; whatever `read` throws where storage fails
 */
export async function loadVerified(
  group: string,
  version: string,
  read: (file: string) => Promise<ArrayBuffer | null>,
  runtime: CompiledRuntime,
): Promise<LoadedModels> {
  const { manifest, bytes: manifestBytes } = await readManifest(group, version, read);
  const models = new Map<ModelName, OnnxModel>();
  const loaded: LoadedModels = {
    manifest,
    bytes: Object.values(manifest.models).reduce((sum, { bytes }) => sum + bytes, manifestBytes),
    run: (name, input, rows, hours) => {
      const model = models.get(name);
      if (model === undefined) throw new TypeError(`the manifest of ${version} has no ${name} model`);
      return model.run(input, rows, hours);
    },
    release: async () => {
      for (const model of models.values()) await model.release();
    },
  };
  try {
    for (const name of MODEL_NAMES) {
      const entry = manifest.models[name];
      if (entry === undefined) continue;
      const bytes = await read(entry.file);
      if (bytes === null) throw new ModelRefusedError(version, `${entry.file} is missing`);
      if (bytes.byteLength > MAX_MODEL_BYTES)
        throw new ModelRefusedError(
          version,
          `${entry.file} has ${bytes.byteLength} bytes, more than ${MAX_MODEL_BYTES}`,
        );
      const hash = sha256Hex(bytes);
      if (hash !== entry.sha256)
        throw new ModelRefusedError(version, `${entry.file} has SHA-256 ${hash}, the manifest says ${entry.sha256}`);
      models.set(name, await open(version, name, entry.file, bytes, runtime));
    }
    for (const [index, golden] of manifest.golden.entries()) await checkGolden(loaded, golden, index);
  } catch (error) {
    await loaded.release();
    throw error;
  }
  return loaded;
}

async function readManifest(
  group: string,
  version: string,
  read: (file: string) => Promise<ArrayBuffer | null>,
): Promise<{ manifest: Manifest; bytes: number }> {
  const bytes = await read('manifest.json');
  if (bytes === null) throw new ModelRefusedError(version, 'manifest.json is missing');
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ModelRefusedError(version, 'manifest.json is no JSON', { cause });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const [first] = fieldErrors(parsed.error, 1);
    throw new ModelRefusedError(version, `manifest.json: ${first?.path}: ${first?.message}`);
  }
  if (parsed.data.group !== group || parsed.data.version !== version)
    throw new ModelRefusedError(version, `manifest.json is of ${parsed.data.group} ${parsed.data.version}`);
  return { manifest: parsed.data, bytes: bytes.byteLength };
}

async function open(
  version: string,
  name: ModelName,
  file: string,
  bytes: ArrayBuffer,
  runtime: CompiledRuntime,
): Promise<OnnxModel> {
  try {
    const onnx = new Uint8Array(bytes);
    requireBounded(decodeModel(onnx), MAX_WINDOWS); // before the runtime sees it, which nothing could stop
    return await openModel(runtime, name, onnx);
  } catch (cause) {
    throw new ModelRefusedError(version, `${file} does not load: ${describe(cause)}`, { cause });
  }
}

/** This very runtime must reproduce what training computed. */
async function checkGolden(loaded: LoadedModels, golden: GoldenVector, index: number): Promise<void> {
  const rows = golden.rows.map((row) => row.map((value) => value ?? Number.NaN));
  const last = Float32Array.from(rows.at(-1) ?? []);
  const sequence = Float32Array.from(rows.flat());
  for (const name of MODEL_NAMES) {
    const expected = golden.scores[name];
    if (expected === undefined || loaded.manifest.models[name] === undefined) continue;
    const { version } = loaded.manifest;
    let actual: number | undefined;
    try {
      const hour = Float32Array.of(golden.hour);
      actual = (await loaded.run(name, name === 'temporal' ? sequence : last, 1, hour)).score[0];
    } catch (cause) {
      throw new ModelRefusedError(version, `${name} does not run: ${describe(cause)}`, { cause });
    }
    const tolerance = GOLDEN_TOLERANCE * Math.max(Math.abs(expected), 1);
    if (actual === undefined || !(Math.abs(actual - expected) <= tolerance))
      throw new ModelRefusedError(
        version,
        `${name} answers ${actual} to golden vector ${index}, training got ${expected}`,
      );
  }
}

function describe(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 200);
}
