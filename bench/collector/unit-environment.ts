/** The environment that the systemd unit gives a collector: its memory depends on it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const UNIT = new URL('../../infra/vigia-collector.service', import.meta.url);

/** @param cache takes the place of the unit's cache folder */
export function unitEnvironment(cache: string): Record<string, string> {
  const lines = [...readFileSync(UNIT, 'utf8').matchAll(/^Environment=(.*)$/gm)].map(([, line = '']) => line);
  const pairs = lines.flatMap((line) => [...line.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g)]);
  return Object.fromEntries(
    pairs.map(([, name = '', quoted, plain]) => [name, (quoted ?? plain ?? '').replace('%C', join(cache, 'cache'))]),
  );
}
