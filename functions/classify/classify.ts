/** The answer for one string, in the shape that users know. */
import { classifyUsername, type UsernameVerdict } from '../../models/username/classify.ts';

export interface Classification extends UsernameVerdict {
  readonly username_text: string;
  readonly n_gram_analysis: true;
}

export function classify(text: string): Classification {
  return { username_text: text, ...classifyUsername(text), n_gram_analysis: true };
}
