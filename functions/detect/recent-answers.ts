/** Answers to recent posts by their idempotency key, so that a repetition is answered the same even after a promotion. */

const MAX_ANSWERS = 512;
const MAX_CHARACTERS = 8 * 1024 * 1024;

export class RecentAnswers {
  readonly #answers = new Map<string, string>();
  #characters = 0;

  find(id: string): string | undefined {
    return this.#answers.get(id);
  }

  keep(id: string, answer: string): void {
    if (this.#answers.has(id)) return;
    this.#answers.set(id, answer);
    this.#characters += answer.length;
    for (const [oldest, text] of this.#answers) {
      if (this.#answers.size <= MAX_ANSWERS && this.#characters <= MAX_CHARACTERS) break;
      this.#answers.delete(oldest);
      this.#characters -= text.length;
    }
  }
}
