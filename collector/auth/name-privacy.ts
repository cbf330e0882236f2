/** What of a user name may leave the host: those of this host's accounts and of well-known daemons; of anything else only a keyed hash, its type and its length. */
import { createHmac } from 'node:crypto';
import type { UsernameType } from '../../contract/auth-window.ts';
import { classifyUsername } from '../../models/username/classify.ts';
import { DAEMON_NAMES } from '../../models/username/known-names.ts';

const HASH_CHARACTERS = 16;

export interface PublicName {
  readonly username: string;
  readonly username_type: UsernameType;
}

/**
 * @param accounts of this host
 * @param key secret of the host: without it nobody can try names against the hashes
 */
export function namePrivacy(accounts: Pick<ReadonlySet<string>, 'has'>, key: Uint8Array): (name: string) => PublicName {
  return (name) => {
    if (DAEMON_NAMES.has(name)) return { username: name, username_type: 'service' };
    if (accounts.has(name)) return { username: name, username_type: 'username' };
    const { predicted_type } = classifyUsername(name);
    const hash = createHmac('sha256', key).update(name).digest('hex').slice(0, HASH_CHARACTERS);
    return { username: `hmac:${hash}:${predicted_type}:${name.length}`, username_type: predicted_type };
  };
}
