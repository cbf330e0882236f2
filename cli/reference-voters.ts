/** Fits the reference detectors that `vigia detect --reference` names. */
import type { Manifest } from '../contract/manifest.ts';
import type { Thresholds } from '../contract/thresholds.ts';
import type { ReferenceName } from '../models/reference/names.ts';
import { fitReferenceVoters, type ReferenceVoters } from '../models/reference/voters.ts';
import { learnableWindows } from '../models/training/learnable-windows.ts';
import { readWindows } from './read-windows.ts';

/**
 * Fitted on the windows of `files` in which the rules find no attack, as training is, with the scaling and the seed of the models.
 * @throws FewNormalWindowsError
 */
export async function referenceVoters(
  names: readonly ReferenceName[],
  files: readonly string[],
  { baseline, seed }: Manifest,
  thresholds: Thresholds,
): Promise<ReferenceVoters> {
  const normal = learnableWindows(await readWindows(files), thresholds);
  const voters = fitReferenceVoters(names, normal, baseline, seed);
  process.stderr.write(`vigia: ${names.join(', ')} vote beside the models, fitted on ${normal.length} windows\n`);
  return voters;
}
