/** Loads a folder of models that `vigia train` wrote, with the same checks and the same runtime as the edge. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { shippedFile } from '../collector/shipped-file.ts';
import { manifest } from '../contract/manifest.ts';
import { fieldErrors } from '../contract/problem.ts';
import { type LoadedModels, loadVerified } from '../functions/detect/models/verify-models.ts';

const named = z.object({ group: manifest.shape.group, version: manifest.shape.version });

/** A folder that holds no usable models. */
export class ModelFolderError extends Error {
  override readonly name = 'ModelFolderError';
  readonly folder: string;

  constructor(folder: string, what: string, options?: ErrorOptions) {
    super(`${folder}: ${what}. Make it with: vigia train --windows FILE --out ${folder}`, options);
    this.folder = folder;
  }
}

/** @throws ModelFolderError where the folder lacks a manifest or holds something else than training wrote */
export async function loadModels(folder: string): Promise<LoadedModels> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch((cause: unknown) => {
    throw new ModelFolderError(folder, 'has no manifest.json that can be read', { cause });
  });
  const { group, version } = readNamed(folder, text);
  const wasm = shippedFile('onnxruntime-web/ort-wasm-simd-threaded.wasm', import.meta.url);
  const runtime = await WebAssembly.compile(wasm);
  return loadVerified(group, version, (file) => readBytes(join(folder, file)), runtime).catch((cause: unknown) => {
    throw new ModelFolderError(folder, cause instanceof Error ? cause.message : String(cause), { cause });
  });
}

function readNamed(folder: string, text: string): z.output<typeof named> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ModelFolderError(folder, 'manifest.json is no JSON', { cause });
  }
  const parsed = named.safeParse(json);
  if (parsed.success) return parsed.data;
  const [first] = fieldErrors(parsed.error, 1);
  throw new ModelFolderError(folder, `manifest.json: ${first?.path}: ${first?.message}`);
}

async function readBytes(file: string): Promise<ArrayBuffer | null> {
  try {
    const bytes = await readFile(file);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
