/** What workerd is told: the three Workers with the bindings of each wrangler.toml, and where their state stands. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleWorker, COMPATIBILITY_DATE, type WorkerModule } from '../edge/bundle-workers.ts';
import { OUTBOUND, storageOrigin, webhookNetworks } from '../edge/outbound.ts';
import { varsOfTrain } from '../edge/storage-variables.ts';

export interface WorkerdSettings {
  readonly stateDir: string;
  /** Read by workerd from its environment, so that no secret stands in a file. */
  readonly vars: Readonly<Record<string, string>>;
  /** PEM. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
}

/** Names of the sockets, whose descriptors or paths workerd gets by the command line. */
export const PUBLIC_SOCKET = 'public';
export const CONTROL_SOCKET = 'control';

const OBJECTS = ['Incidents', 'Metrics', 'Trainings', 'WindowBuffer', 'Bucket'];
/** The bucket that workerd keeps on disk; with an S3 server nothing is kept there. */
const BUCKET = '(name = "BUCKET_ON_DISK", durableObjectNamespace = (className = "Bucket", serviceName = "vigia"))';

/**
 * Writes the configuration and what it embeds into `folder`.
 * @returns the file to hand to `workerd serve`
 */
export async function writeWorkerdConfig(folder: string, settings: WorkerdSettings): Promise<string> {
  const { stateDir, vars, tls } = settings;
  const [detect, train, classify] = await Promise.all([
    bundleWorker('self-hosted'),
    bundleWorker('vigia-train'),
    bundleWorker('vigia-classify'),
  ]);
  const outbound: WorkerModule = { type: 'ESModule', path: 'outbound.mjs', contents: OUTBOUND };
  const modulesOf = (name: string, modules: readonly WorkerModule[]): string => {
    for (const { path, contents } of modules) writePrivate(join(folder, name, path), contents);
    const entries = modules.map(
      ({ type, path }) =>
        `(name = ${quoted(path)}, ${type === 'ESModule' ? 'esModule' : 'wasm'} = embed ${quoted(join(name, path))})`,
    );
    return `modules = [${entries.join(', ')}], compatibilityDate = ${quoted(COMPATIBILITY_DATE)}`;
  };
  if (tls !== null) {
    writePrivate(join(folder, 'certificate.pem'), tls.certificate);
    writePrivate(join(folder, 'key.pem'), tls.key);
  }
  const protocol =
    tls === null
      ? 'http = ()'
      : 'https = (tlsOptions = (keypair = (privateKey = embed "key.pem", certificateChain = embed "certificate.pem")))';
  const text = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "vigia", worker = (${modulesOf('vigia', detect)}, globalOutbound = "outbound",
      bindings = [
        ${Object.keys(vars).map(fromEnvironment).join(',\n        ')},
        (name = "WINDOW_DELIVERY", text = "direct"),
        (name = "TRAIN", service = "vigia-train"),
        (name = "CLASSIFY", service = "vigia-classify"),
        ${vars.PROMETHEUS_URL ? '(name = "PROMETHEUS", service = "any-network"),' : ''}
        (name = "INCIDENTS", durableObjectNamespace = "Incidents"),
        (name = "METRICS", durableObjectNamespace = "Metrics"),
        (name = "TRAININGS", durableObjectNamespace = "Trainings"),
        (name = "WINDOW_BUFFER", durableObjectNamespace = "WindowBuffer"),
        ${BUCKET}],
      durableObjectNamespaces = [${OBJECTS.map((name) => `(className = "${name}", uniqueKey = "vigia-${name}", enableSql = true)`).join(', ')}],
      durableObjectStorage = (localDisk = "objects"))),
    (name = "vigia-train", worker = (${modulesOf('vigia-train', train)}, globalOutbound = "outbound",
      bindings = [${[...Object.keys(varsOfTrain(vars)).map(fromEnvironment), BUCKET].join(', ')}])),
    (name = "vigia-classify", worker = (${modulesOf('vigia-classify', classify)})),
    (name = "outbound", worker = (${modulesOf('outbound', [outbound])}, bindings = [
      (name = "STORAGE", text = ${quoted(storageOrigin(vars))}),
      (name = "NETWORK", service = "webhook-network"),
      (name = "STORAGE_NETWORK", service = "any-network")])),
    (name = "webhook-network", network = (allow = [${webhookNetworks(vars).map(quoted).join(', ')}], tlsOptions = (trustBrowserCas = true))),
    (name = "any-network", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "objects", disk = (path = ${quoted(join(stateDir, 'objects'))}, writable = true)),
  ],
  sockets = [
    (name = "${PUBLIC_SOCKET}", service = "vigia", ${protocol}),
    (name = "${CONTROL_SOCKET}", service = (name = "vigia", entrypoint = "Control"), http = ()),
  ],
  logging = (structuredLogging = true),
);
`;
  mkdirSync(join(stateDir, 'objects'), { recursive: true, mode: 0o700 });
  const file = join(folder, 'workerd.capnp');
  writePrivate(file, text);
  return file;
}

function fromEnvironment(name: string): string {
  return `(name = "${name}", fromEnvironment = "${name}")`;
}

/** Strings of Cap'n Proto are written as those of JSON, but for the escapes of control characters, which no path of ours has. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function writePrivate(file: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, contents, { mode: 0o600 });
}
