/** Scores of windows by a trained fleet that are not cut to 0..1, so that they can be ranked. */
import { MODEL_NAMES, type ModelName } from '../../contract/features.ts';
import type { NetworkWindow } from '../../contract/network-window.ts';
import { consensusOf } from '../../models/consensus.ts';
import { FEATURE_COUNT, rowsOf } from '../../models/features.ts';
import { type Fleet, scoreAll, votesOn } from '../../models/votes.ts';

/** Of one-second windows and one alert a day. */
const P_STAR = 1 / 86_400;

/** −log p of each model and of the consensus, for each window; 0 where a model abstained. */
export async function rawScores(
  fleet: Fleet,
  windows: readonly NetworkWindow[],
  context: readonly NetworkWindow[],
): Promise<Record<ModelName | 'consensus', Float64Array>> {
  const rows = rowsOf(windows);
  const scored = await scoreAll(fleet, rows, windows, context);
  const empty = () => new Float64Array(windows.length);
  const scores = { spatial: empty(), temporal: empty(), statistical: empty(), consensus: empty() };
  for (const [i] of windows.entries()) {
    const { votes } = votesOn(fleet, scored, i, rows.subarray(i * FEATURE_COUNT, (i + 1) * FEATURE_COUNT));
    for (const name of MODEL_NAMES) scores[name][i] = -Math.log(votes.find(({ model }) => model === name)?.p ?? 1);
    scores.consensus[i] = -Math.log(consensusOf(votes, fleet.manifest.consensus, P_STAR).p);
  }
  return scores;
}

/** The trivial baseline beside every model: the sum of the squared distances from each median in robust scales. */
export function sumOfSquares({ manifest }: Fleet, windows: readonly NetworkWindow[]): Float64Array {
  const rows = rowsOf(windows);
  return Float64Array.from(windows, (_, i) =>
    manifest.baseline.reduce((sum, { active, log1p, center, scale }, column) => {
      const value = rows[i * FEATURE_COUNT + column] as number;
      if (!active || Number.isNaN(value)) return sum;
      return sum + (((log1p ? Math.log1p(value) : value) - center) / scale) ** 2;
    }, 0),
  );
}
