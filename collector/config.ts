/** The collector's settings, from options, the environment and a file, checked once. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { type FieldError, fieldErrors } from '../contract/problem.ts';
import { groupName, label } from '../contract/quantity.ts';
import { blockSettings } from './block/settings.ts';
import { ConfigError } from './config-error.ts';
import { type ConfigFile, findConfigFile } from './config-file.ts';
import { checkSources } from './sources/spec.ts';

const url = z
  .url({ protocol: /^https?$/, error: 'must be an address such as https://vigia.example.com' })
  .refine(
    (text) => !/^https?:\/\/[^/?#]*@/i.test(text),
    'must hold no user name or password; name a file with token-file',
  );

/** As long as Linux's LOGIN_NAME_MAX; of a domain too, such as CORP\\ann or ann@corp.example. */
const ACCOUNT = /^[^\s:]{1,256}$/;
const MAX_ACCOUNTS = 10_000;

const config = z.object({
  to: url,
  sources: z.array(z.string().min(1)).min(1, 'name at least one, such as ebpf:eth0').superRefine(checkSources),
  host: label,
  group: groupName,
  spoolDir: z.string().min(1),
  tokenFile: z.string().min(1).nullable(),
  caFile: z.string().min(1).nullable(),
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in either case. */
  proxies: z.record(z.string(), z.string()),
  period_ms: z.number().int().min(100).max(60_000),
  postEvery_ms: z.number().int().min(100).max(60_000),
  timeout_ms: z.number().int().positive(),
  local: z.array(z.string()),
  accounts: z
    .array(z.string().regex(ACCOUNT, 'must be a user name as it is logged, without space or colon'))
    .max(MAX_ACCOUNTS),
  /** Host and port of /metrics and /healthz; null: neither is served. */
  metrics: z
    .string()
    .regex(/^(\[[0-9A-Fa-f:]+\]|[^:\s]+):\d{1,5}$/, 'must be HOST:PORT, such as 127.0.0.1:9477')
    .nullable(),
  ...blockSettings,
});

export { ConfigError };

export type CollectorConfig = z.output<typeof config>;

/** What the command line gives; absent is filled from the environment, then from the file, then from the defaults. */
export interface CollectorOptions {
  config?: string;
  to?: string;
  source?: string[];
  host?: string;
  group?: string;
  spool?: string;
  tokenFile?: string;
  ca?: string;
  periodMs?: number;
  local?: string[];
  accounts?: string[];
  metrics?: string;
  block?: string;
  blockAt?: string;
  blockFor?: string;
  allow?: string[];
  keepBlocks?: boolean;
  blockWebhook?: string;
  webhookSecretFile?: string;
}

interface Setting {
  /** Of its option, and of its key in the file. */
  readonly name: string;
  readonly option: keyof CollectorOptions;
  readonly variable?: string;
  /** Where neither option nor variable nor file has it. */
  readonly usual?: (environment: NodeJS.ProcessEnv) => unknown;
}

const PROXY_VARIABLE = /^(https?|no)_proxy$/i;

/** Lists in a variable are parted by spaces. */
const LISTS: ReadonlySet<string> = new Set(['source', 'allow', 'accounts']);
const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);

const SETTINGS = {
  to: { name: 'to', option: 'to', variable: 'VIGIA_TO' },
  sources: { name: 'source', option: 'source', variable: 'VIGIA_SOURCE', usual: () => [] },
  host: { name: 'host', option: 'host', variable: 'VIGIA_HOST', usual: ownHost },
  group: { name: 'group', option: 'group', variable: 'VIGIA_GROUP', usual: () => 'default' },
  spoolDir: { name: 'spool', option: 'spool', variable: 'VIGIA_SPOOL_DIR', usual: () => '.vigia/spool' },
  tokenFile: { name: 'token-file', option: 'tokenFile', variable: 'VIGIA_TOKEN_FILE', usual: credential('token') },
  caFile: { name: 'ca', option: 'ca', variable: 'VIGIA_CA', usual: () => null },
  period_ms: { name: 'period-ms', option: 'periodMs', usual: () => 1000 },
  local: { name: 'local', option: 'local', usual: () => ['auto'] },
  accounts: { name: 'accounts', option: 'accounts', variable: 'VIGIA_ACCOUNTS', usual: () => [] },
  metrics: { name: 'metrics', option: 'metrics', variable: 'VIGIA_METRICS', usual: () => null },
  block: { name: 'block', option: 'block', variable: 'VIGIA_BLOCK', usual: () => 'dry-run' },
  blockAt: { name: 'block-at', option: 'blockAt', usual: () => 'tcx' },
  blockFor: { name: 'block-for', option: 'blockFor', usual: () => '10m' },
  allow: { name: 'allow', option: 'allow', variable: 'VIGIA_ALLOW', usual: () => [] },
  keepBlocks: { name: 'keep-blocks', option: 'keepBlocks', usual: () => false },
  blockWebhook: { name: 'block-webhook', option: 'blockWebhook', usual: () => null },
  webhookSecretFile: { name: 'webhook-secret-file', option: 'webhookSecretFile', usual: credential('webhook.secret') },
} satisfies Partial<Record<keyof CollectorConfig, Setting>>;

type Settable = keyof typeof SETTINGS;
const SETTABLE = Object.entries<Setting>(SETTINGS) as [Settable, Setting][];

/** What the file may hold. */
export const SETTING_NAMES: readonly string[] = SETTABLE.map(([, { name }]) => name);

/** Where settings are looked for, in this order. */
interface Layers {
  readonly options: CollectorOptions;
  readonly environment: NodeJS.ProcessEnv;
  readonly file: ConfigFile | null;
  readonly usual: Partial<CollectorConfig>;
}

/** A setting with where it comes from: an option, a variable, a file, or nowhere (`default`). */
interface Given {
  readonly field: Settable;
  readonly setting: Setting;
  readonly value: unknown;
  readonly from: string;
}

function give(field: Settable, setting: Setting, { options, environment, file, usual }: Layers): Given {
  const given = (value: unknown, from: string): Given => ({ field, setting, value, from });
  const { name, variable = '' } = setting;
  const option = options[setting.option];
  if (option !== undefined) return given(option, `--${name}`);
  const text = environment[variable];
  if (text !== undefined) return given(LISTS.has(name) ? words(text) : text, variable);
  if (file && file.values[name] !== undefined) return given(file.values[name], file.path);
  return given(usual[field] ?? setting.usual?.(environment), 'default');
}

export interface EffectiveConfig {
  readonly config: CollectorConfig;
  /** Each setting by its name in the file, with its origin. */
  readonly origins: Readonly<Record<string, { readonly value: unknown; readonly from: string }>>;
}

/** @throws ConfigError naming every wrong setting, with where it was given and what was expected */
export function readConfig(options: CollectorOptions, environment: NodeJS.ProcessEnv = process.env): CollectorConfig {
  return resolve({ options, environment, file: null, usual: {} }).config;
}

/**
 * The same with the file of `--config`, of VIGIA_CONFIG, or the usual one.
 * @param usual takes the place of the defaults
 * @throws ConfigError
 */
export function readConfigWithFile(
  options: CollectorOptions,
  environment: NodeJS.ProcessEnv = process.env,
  usual: Partial<CollectorConfig> = {},
): EffectiveConfig {
  const file = findConfigFile(options.config ?? environment.VIGIA_CONFIG, SETTING_NAMES);
  return resolve({ options, environment, file, usual });
}

function resolve(layers: Layers): EffectiveConfig {
  const given = SETTABLE.map(([field, setting]) => give(field, setting, layers));
  const values = Object.fromEntries(given.map(({ field, value }) => [field, value]));
  const proxies = Object.fromEntries(Object.entries(layers.environment).filter(([name]) => PROXY_VARIABLE.test(name)));
  const parsed = config.safeParse({ ...values, proxies, postEvery_ms: 2000, timeout_ms: 10_000 });
  if (!parsed.success)
    throw new ConfigError(
      fieldErrors(parsed.error)
        .map((error) => complaint(error, given))
        .join('; '),
    );
  const { data } = parsed;
  const origins = given.map(({ field, setting, from }) => [setting.name, { value: written(data[field]), from }]);
  return { config: data, origins: Object.fromEntries(origins) };
}

/** A range as its text. */
const written = (value: unknown): unknown =>
  Array.isArray(value) ? value.map((item) => (typeof item === 'object' ? String(item.text) : item)) : value;

/** Names a wrong setting by its place: the file and its key, or the option that sets it. */
function complaint({ path, message }: FieldError, given: readonly Given[]): string {
  const [, field = path, inside = ''] = /^([^.[]*)(.*)$/.exec(path) ?? [];
  const found = given.find((one) => one.field === field);
  if (!found) return `${path}: ${message}`;
  const { name, variable } = found.setting;
  const isFile = ![`--${name}`, variable, 'default'].includes(found.from);
  return `${isFile ? `${found.from}: ${name}${inside}` : `--${name}${variable ? ` (${variable})` : ''}`}: ${message}`;
}

/** Names of the settings in which the two differ. */
export function changedSettings(one: CollectorConfig, other: CollectorConfig): string[] {
  const isChanged = (field: Settable): boolean => JSON.stringify(one[field]) !== JSON.stringify(other[field]);
  return SETTABLE.filter(([field]) => isChanged(field)).map(([, { name }]) => name);
}

/** What systemd hands the service by LoadCredential=NAME:FILE; see systemd.exec(5). */
function credential(name: string) {
  return ({ CREDENTIALS_DIRECTORY: folder }: NodeJS.ProcessEnv): string | null => {
    const file = join(folder ?? '', name);
    return folder && existsSync(file) ? file : null;
  };
}

/** The host's own name, made to fit where the contract is stricter than the kernel. */
export function ownHost(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 128) || 'host'
  );
}
