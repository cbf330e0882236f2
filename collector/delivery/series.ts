/** Which windows follow one another: those of an interface of a host, or of a user name or source in the logs. */
import * as z from 'zod';

const identity = z.object({
  id: z.string(),
  host: z.string(),
  interface: z.string().optional(),
  username: z.string().optional(),
  sources: z.array(z.object({ ip: z.string() })).optional(),
});

export interface Identified {
  readonly id: string;
  readonly series: string;
  /** Login attempts have no windows before them to be judged with. */
  readonly hasContext: boolean;
}

/** @param window one that a source made, as it was read from the log */
export function identify(window: unknown): Identified {
  const { id, host, interface: name, username, sources } = identity.parse(window);
  if (name !== undefined) return { id, series: `${host}\n${name}`, hasContext: true };
  return { id, series: `${host}\nlogins\n${username ?? sources?.[0]?.ip ?? ''}`, hasContext: false };
}
