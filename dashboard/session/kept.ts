/** What a tab remembers while it is open: the token, the group, and what its user calls himself. Nothing of it outlives the tab. */

type Kept = 'token' | 'group' | 'author';

export function recall(name: Kept): string | null {
  return sessionStorage.getItem(`vigia.${name}`);
}

/** Null forgets it. */
export function keep(name: Kept, value: string | null): void {
  if (value === null) sessionStorage.removeItem(`vigia.${name}`);
  else sessionStorage.setItem(`vigia.${name}`, value);
}
