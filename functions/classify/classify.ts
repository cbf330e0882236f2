/** Stand-in until the classifier lands. */
export function classify(text: string): Record<string, unknown> {
  return { username_text: text, predicted_type: 'unknown', confidence: 0, n_gram_analysis: true, probabilities: {} };
}
