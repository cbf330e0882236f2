/** Names a version of models by its time and what is in it. */
import type { Manifest } from '../../contract/manifest.ts';

/** UTC time and eight digits of the hash of all that the manifest says. */
export async function versionOf(manifest: Manifest, createdAt: Date): Promise<string> {
  const time = createdAt.toISOString().replace(/[-:]|\.\d+/g, '');
  const hash = await sha256Hex(new TextEncoder().encode(JSON.stringify(manifest)));
  return `${time}-${hash.slice(0, 8)}`;
}

export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes.slice());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
