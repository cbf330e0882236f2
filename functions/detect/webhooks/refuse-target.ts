/** Which webhook targets are allowed: a mistyped or planted URL must not make the edge call into a private network. */
import ipaddr from 'ipaddr.js';

/**
 * Why a URL may not be a webhook target; null where it may.
 * Names are not resolved here, where the answer could change before the call: on Cloudflare private addresses are out of
 * reach, and the embedded runtime's network refuses them as it connects.
 */
export function refuseTarget(url: string, allowPrivate: boolean): string | null {
  const target = URL.parse(url);
  if (target === null) return 'is no URL';
  if (target.protocol !== 'https:' && target.protocol !== 'http:') return 'must be an https URL';
  if (target.username !== '' || target.password !== '') return 'must not hold a password';
  if (allowPrivate) return null;
  if (target.protocol !== 'https:') return 'must be an https URL, unless WEBHOOK_ALLOW_PRIVATE=true';
  if (isPrivateHost(target.hostname)) return 'points into a private network; WEBHOOK_ALLOW_PRIVATE=true allows that';
  return null;
}

function isPrivateHost(hostname: string): boolean {
  const name = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (ipaddr.isValid(name)) return ipaddr.process(name).range() !== 'unicast';
  return !name.includes('.') || /\.(localhost|local|internal|home\.arpa|lan|intranet)$/.test(name);
}
