/** What the Webhooks object answers instead of a result; crosses RPC, which a class of error would not survive. */
export interface Refusal {
  readonly refused: 400 | 404 | 409;
  readonly detail: string;
  /** The field at fault. */
  readonly path?: string;
}

export const isRefusal = (answer: object): answer is Refusal => 'refused' in answer;

export const noEndpoint = (id: string): Refusal => ({
  refused: 404,
  detail: `There is no endpoint ${JSON.stringify(id.slice(0, 100))}.`,
});

export const ofEnvironment = (what: string): Refusal => ({
  refused: 409,
  detail: `The endpoint "default" is made of WEBHOOK_URL and WEBHOOK_SECRET: ${what} there.`,
});
