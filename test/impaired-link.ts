/** Two TAP devices with a path between them that delays and loses as it is told; the far one lies in a network namespace. */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Impairment } from '../cli/drill/impaired-path.ts';
import { end, start } from './ebpf-link.ts';
import { sh } from './ebpf-machine.ts';

const PATH = fileURLToPath(new URL('../cli/drill/impaired-path.ts', import.meta.url));
const TAKES_EFFECT_MS = 200;

export interface ImpairedLink {
  /** The end in this process's namespace. */
  readonly near: string;
  readonly far: string;
  readonly namespace: string;
  /** The path is so once this resolves. */
  impair(impairment: Impairment): Promise<void>;
  remove(): Promise<void>;
}

/**
 * @param name of at most ten letters
 * @param subnet such as 10.213.8: the near end is its .1, the far one its .2
 * @param namespace of somebody else's, instead of one that goes with the link
 */
export async function makeImpairedLink(name: string, subnet: string, namespace?: string): Promise<ImpairedLink> {
  const [near, far] = [`${name}0`, `${name}1`];
  const place = namespace ?? name;
  if (namespace === undefined) sh('ip', 'netns', 'add', place);
  const path = await start(/laid/, process.execPath, PATH, near, far);
  sh('ip', 'link', 'set', far, 'netns', place);
  sh('sysctl', '-qw', `net.ipv6.conf.${near}.disable_ipv6=1`);
  sh('ip', 'netns', 'exec', place, 'sysctl', '-qw', `net.ipv6.conf.${far}.disable_ipv6=1`);
  sh('ip', 'address', 'add', `${subnet}.1/24`, 'dev', near);
  sh('ip', '-n', place, 'address', 'add', `${subnet}.2/24`, 'dev', far);
  sh('ip', 'link', 'set', near, 'up');
  sh('ip', '-n', place, 'link', 'set', far, 'up');
  return {
    ...{ near, far, namespace: place },
    impair: async (impairment) => {
      path.stdin?.write(`${JSON.stringify(impairment)}\n`);
      await delay(TAKES_EFFECT_MS);
    },
    remove: async () => {
      await end(path);
      if (namespace === undefined) sh('ip', 'netns', 'del', place);
    },
  };
}
