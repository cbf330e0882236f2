/** The address cannot be listened on, or the secret is none. */
export class WebhookReceiverError extends Error {
  override readonly name = 'WebhookReceiverError';
}
