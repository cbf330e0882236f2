/** What hangs on an interface of a booted kernel by clsact. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How many filters are ours. */
export async function filters(name: string): Promise<number> {
  const shown = await Promise.all(
    ['ingress', 'egress'].map((hook) => run('tc', ['filter', 'show', 'dev', name, hook])),
  );
  return shown.flatMap(({ stdout }) => stdout.match(/handle \S+ vigia_/g) ?? []).length;
}
