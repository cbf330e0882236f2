/** How far a candidate's idea of normal has moved from the live one's, and when that looks like poisoning. */
import { NETWORK_FEATURES } from '../../contract/features.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { FeatureDrift } from '../../contract/model-list.ts';

/** Whoever can raise what passes as normal by more than this between two trainings can hide an attack in a few of them. */
const LARGEST_EXTREME_FACTOR = 2;
/** And the usual value by more than so many scales. */
const LARGEST_SHIFT = 2;
const RHYTHM_MS = 86_400_000;

/** Models of less time have not seen a day's rhythm: what comes after them is bound to differ. */
export function hasSeenADay({ training }: Manifest): boolean {
  return Date.parse(training.to) - Date.parse(training.from) >= RHYTHM_MS;
}

/** Of the features that both have learned, the largest move first. */
export function driftOf(live: Manifest, candidate: Manifest): FeatureDrift[] {
  return NETWORK_FEATURES.flatMap((feature, i): FeatureDrift[] => {
    const [before, after] = [live.baseline[i], candidate.baseline[i]];
    if (!before?.active || !after?.active) return [];
    return [
      {
        feature,
        shift: (after.center - before.center) / before.scale,
        extreme_factor: before.extreme > 0 ? after.extreme / before.extreme : 1,
      },
    ];
  }).sort((a, b) => Math.abs(b.shift) - Math.abs(a.shift));
}

/** Why the candidate may have been taught an attack, in words and numbers; null where nothing speaks for it. */
export function possiblePoisoning(live: Manifest, candidate: Manifest): string | null {
  if (!hasSeenADay(live)) return null;
  for (const { feature, shift, extreme_factor } of driftOf(live, candidate)) {
    if (extreme_factor > LARGEST_EXTREME_FACTOR)
      return `possible poisoning: its highest ${feature} is ${extreme_factor.toFixed(1)} times the live one's; at most ${LARGEST_EXTREME_FACTOR} between two trainings`;
    if (shift > LARGEST_SHIFT)
      return `possible poisoning: its usual ${feature} is ${shift.toFixed(1)} scales above the live one's; at most ${LARGEST_SHIFT} between two trainings`;
  }
  return null;
}
