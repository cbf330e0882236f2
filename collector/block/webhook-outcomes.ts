/** What became of the webhooks that came: counted all, told sparingly. */
import type { SparingLog } from './sparing-log.ts';

/** What is answered to each, and what an operator should know of it; null: nothing to tell. */
export const WEBHOOK_OUTCOMES = {
  taken: { status: 204, message: null },
  replayed: {
    status: 204,
    message: 'had already, so nobody was blocked again: its sender had no answer, or somebody recorded it',
  },
  unsigned: {
    status: 401,
    message:
      'signature or time stamp are wrong: compare the secret with that of the endpoint, and the clocks of both hosts',
  },
  malformed: { status: 400, message: 'signed, but no event of Vigía: the endpoint must have the format ocsf' },
  too_large: { status: 413, message: 'larger than any event of Vigía' },
  not_post: { status: 405, message: 'no POST: somebody looks around' },
  failed: { status: 500, message: 'could not be worked off; its sender tries again' },
} as const satisfies Record<string, { status: number; message: string | null }>;

export type WebhookOutcome = keyof typeof WEBHOOK_OUTCOMES;
const NAMES = Object.keys(WEBHOOK_OUTCOMES) as WebhookOutcome[];

export class WebhookOutcomes {
  readonly counts = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<WebhookOutcome, number>;
  readonly #log: SparingLog;

  constructor(log: SparingLog) {
    this.#log = log;
  }

  /** @param from address that it came from @param error where there is one */
  note(outcome: WebhookOutcome, from: string, error?: string): void {
    this.counts[outcome]++;
    const { message } = WEBHOOK_OUTCOMES[outcome];
    if (message !== null) this.#log.warn('webhook_not_taken', outcome, { outcome, from, message, error });
  }
}
