/** The answer for one string, in the shape that users know. */
import type { Classification } from '../../contract/classification.ts';
import { classifyUsername } from '../../models/username/classify.ts';

export function classify(text: string): Classification {
  return { username_text: text, ...classifyUsername(text), n_gram_analysis: true };
}
