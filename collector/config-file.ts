/** The collector's settings as a TOML file; its keys are the names of the options. */
import { existsSync, readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { ConfigError } from './config-error.ts';
import { nearest } from './nearest.ts';

const USUAL_FILE = '/etc/vigia/collector.toml';

export interface ConfigFile {
  readonly path: string;
  /** By the name of the setting; not checked yet. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * @param path null where nobody named one: then the usual file, if it is there
 * @param names the settings that a file may hold
 * @throws ConfigError where it cannot be read, is not TOML, or holds a key that is no setting
 */
export function findConfigFile(path: string | undefined, names: readonly string[]): ConfigFile | null {
  if (path === undefined && !existsSync(USUAL_FILE)) return null;
  return readConfigFile(path ?? USUAL_FILE, names);
}

function readConfigFile(path: string, names: readonly string[]): ConfigFile {
  const values = parsed(path, read(path));
  const unknown = Object.keys(values).filter((key) => !names.includes(key));
  if (unknown.length === 0) return { path, values };
  const lines = unknown.map((key) => {
    const meant = nearest(key, names);
    return `${key}: is no setting; ${meant ? `did you mean ${meant}?` : `there are ${names.join(', ')}`}`;
  });
  throw new ConfigError(`${path}: ${lines.join('; ')}`);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${path}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function parsed(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [what = ''] = cause.message.split('\n');
    throw new ConfigError(`${path}: line ${cause.line}, column ${cause.column}: ${what}`, { cause });
  }
}
