/** What the service of an installed collector runs with, so that `vigia doctor` and `vigia collect --check` look where it does. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { CollectorConfig, CollectorOptions } from '../config.ts';
import { type Finding, limited } from './finding.ts';

/** Where units of the administrator and of packages stand (systemd.unit(5)). */
const UNITS = ['etc/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system'];
export const UNIT = 'vigia-collector.service';
/** As in infra/vigia-collector.service. */
const VARIABLES = 'etc/vigia/collector.env';
const TOKEN = 'etc/vigia/token';
const WEBHOOK_SECRET = 'etc/vigia/webhook.secret';
const SPOOL = 'var/lib/vigia';

export interface Installed {
  /** Of collector.env; what this process was given comes first. */
  readonly environment: NodeJS.ProcessEnv;
  /** On the command line of its unit. */
  readonly options: Pick<CollectorOptions, 'spool'>;
  /** Of its credentials, which take the place of the defaults: what systemd copies them from. */
  readonly usual: Pick<CollectorConfig, 'tokenFile' | 'webhookSecretFile'>;
  readonly findings: readonly Finding[];
}

/** @returns null where no such unit is installed. @param root / but in tests */
export function installedService(environment: NodeJS.ProcessEnv, root = '/'): Installed | null {
  const at = (path: string): string => join(root, path);
  if (!UNITS.some((folder) => existsSync(at(join(folder, UNIT))))) return null;
  const given = {
    options: { spool: at(SPOOL) },
    usual: { tokenFile: at(TOKEN), webhookSecretFile: at(WEBHOOK_SECRET) },
  };
  const file = at(VARIABLES);
  try {
    return { environment: { ...parseEnv(readFileSync(file, 'utf8')), ...environment }, ...given, findings: [] };
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const finding = limited(
      'settings',
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'Run it as root',
    );
    return { environment, ...given, findings: isAbsent ? [] : [finding] };
  }
}
