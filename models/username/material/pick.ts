/** Draws one of a list. */
import type { Random } from '../../random.ts';

export function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

export const chance = (probability: number, random: Random): boolean => random() < probability;
