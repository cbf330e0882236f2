/** Who is looking, at which group: the client for it, and where a refused token leads. Provided to every part of the page. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { apiClient, type Client, type ClientOptions, RefusedError } from '../../contract/client.ts';

/** The page stands at the edge's own address, which a proxy may have put below a path. */
export const EDGE_URL = new URL('.', location.href).href;
/** A training answers when it has ended, or after this. */
const LONGEST_TRAINING_MS = 180_000;

export interface Session {
  readonly token: string | undefined;
  /** Undefined: the token's own, else the default one. */
  readonly group: string | undefined;
  readonly call: Client;
  /** The same, for what may take minutes. */
  readonly callSlowly: Client;
  /** Told of a 401: the token has ended, or none was sent where one is needed. */
  readonly refused: (why: string) => void;
}

export function newSession(
  token: string | undefined,
  group: string | undefined,
  refused: (why: string) => void,
): Session {
  const client = (options: Partial<ClientOptions>): Client => {
    const call = apiClient({ url: EDGE_URL, token, ...options });
    return async (name, input) => {
      try {
        return await call(name, input);
      } catch (error) {
        if (error instanceof RefusedError && error.status === 401) refused(error.detail ?? error.title);
        throw error;
      }
    };
  };
  return { token, group, call: client({}), callSlowly: client({ timeout_ms: LONGEST_TRAINING_MS }), refused };
}

const context = createContext<Session | null>(null);
export const SessionProvider = context.Provider;

export function useSession(): Session {
  const session = useContext(context);
  if (session === null) throw new Error('this part of the page is shown within a session only');
  return session;
}
