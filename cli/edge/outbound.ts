/** The Worker that the others' calls to the outside pass: a name that resolves to a private address is refused as it connects, unless it is the S3 server's. */

export const OUTBOUND = `export default {
  fetch: (request, env) => (new URL(request.url).origin === env.STORAGE ? env.STORAGE_NETWORK : env.NETWORK).fetch(request)
};`;

/** Its variable STORAGE; empty where no S3 server is named. */
export function storageOrigin(vars: Readonly<Record<string, string>>): string {
  return URL.parse(vars.STORAGE_S3_ENDPOINT ?? '')?.origin ?? '';
}

/** What webhooks may reach. */
export function webhookNetworks(vars: Readonly<Record<string, string>>): string[] {
  return vars.WEBHOOK_ALLOW_PRIVATE === 'true' ? ['public', 'private'] : ['public'];
}
