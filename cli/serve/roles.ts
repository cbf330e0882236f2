/** The kinds of processes of an edge: on which sockets each is asked, and which of the others it asks. */

/** What processes offer each other. */
export type PeerName = 'objects' | 'training';

/** `public` is the port of the edge, `control` is asked by the supervisor. */
export type SocketName = 'public' | 'control' | PeerName;

interface RoleSpec {
  readonly sockets: readonly SocketName[];
  readonly peers: readonly PeerName[];
}

/**
 * `edge` is everything in one process. Else any number of scorers answers the port, and calls the one process that holds the Durable
 * Objects; training runs apart from both, so that no post waits for it.
 */
export const ROLES = {
  edge: { sockets: ['public', 'control'], peers: [] },
  scorer: { sockets: ['public', 'control'], peers: ['objects', 'training'] },
  state: { sockets: ['objects', 'control'], peers: ['training'] },
  training: { sockets: ['training'], peers: ['objects'] },
} as const satisfies Record<string, RoleSpec>;

export type Role = keyof typeof ROLES;

/** @returns the roles of an edge's processes, of which so many answer the port */
export function rolesOf(scorers: number): readonly Role[] {
  return scorers === 1 ? ['edge'] : ['state', 'training', 'scorer'];
}
