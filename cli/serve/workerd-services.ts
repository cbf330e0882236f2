/** The services and sockets of each role in the language of workerd's configuration, with the bindings of each wrangler.toml. */
import { join } from 'node:path';
import { COMPATIBILITY_DATE } from '../edge/bundle-workers.ts';
import { OUTBOUND, storageOrigin, webhookNetworks } from '../edge/outbound.ts';
import { varsOfTrain } from '../edge/storage-variables.ts';
import { type PeerName, ROLES, type Role, type SocketName } from './roles.ts';

export interface EdgeSettings {
  readonly stateDir: string;
  /** Read by workerd from its environment, so that no secret stands in a file. */
  readonly vars: Readonly<Record<string, string>>;
  readonly https: boolean;
}

/** Workers, and what is bound in place of objects that live in another process; each is a folder of modules. */
export const BUNDLES = ['self-hosted', 'vigia-train', 'vigia-classify', 'remote-objects'] as const;
export type BundleName = (typeof BUNDLES)[number];

/** Classes of Durable Objects by their binding. With an S3 server nothing is kept in the bucket on disk. */
const OBJECTS = [
  ['INCIDENTS', 'Incidents'],
  ['METRICS', 'Metrics'],
  ['TRAININGS', 'Trainings'],
  ['WEBHOOKS', 'Webhooks'],
  ['WINDOW_BUFFER', 'WindowBuffer'],
  ['BUCKET_ON_DISK', 'Bucket'],
] as const;
type ObjectBinding = (typeof OBJECTS)[number][0];

const REMOTE_OBJECTS = 'vigia:remote-objects';
/** Between processes calls travel as Cap'n Proto, within a CONNECT request for this name. */
const PEER_PROTOCOL = 'http = (capnpConnectHost = "peer")';
const HTTPS =
  'https = (tlsOptions = (keypair = (privateKey = embed "key.pem", certificateChain = embed "certificate.pem")))';

/**
 * Short collections in place of a few long ones: the runtime frees its own objects, some of each request, in their pauses, which took
 * 110 ms. In MiB, and in percent of what is in use.
 */
const SHORT_PAUSES = ['--max-semi-space-size=8', '--heap-growing-percent=10'];

/** @param modulesOf the modules of a bundle, as the configuration names them */
export function configText(role: Role, settings: EdgeSettings, modulesOf: (bundle: BundleName) => string): string {
  const peers: readonly PeerName[] = ROLES[role].peers;
  const sockets: readonly SocketName[] = ROLES[role].sockets;
  const services = [
    ...(role === 'training' ? [] : [detect(settings, peers, modulesOf), classify(modulesOf)]),
    ...(peers.includes('training') ? [] : [train(settings, peers, modulesOf)]),
    ...(peers.includes('objects') ? [] : [disk(settings)]),
    ...peers.map((peer) => `(name = "${peer}", external = (${PEER_PROTOCOL}))`),
    ...outbound(settings),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.join(',\n    ')}],
  sockets = [
    ${sockets.map((name) => socket(name, settings)).join(',\n    ')}],
  extensions = [(modules = [
    (name = "${REMOTE_OBJECTS}", internal = true, esModule = embed ${quoted(join('remote-objects', 'index.mjs'))})])],
  logging = (structuredLogging = true),
  v8Flags = [${(role === 'training' ? [] : SHORT_PAUSES).map(quoted).join(', ')}],
);
`;
}

function detect({ vars }: EdgeSettings, peers: readonly PeerName[], modulesOf: (name: BundleName) => string): string {
  const bindings = [
    ...Object.keys(vars).map(fromEnvironment),
    '(name = "WINDOW_DELIVERY", text = "direct")',
    '(name = "SELF_HOSTED", text = "true")',
    `(name = "TRAIN", service = "${peers.includes('training') ? 'training' : 'vigia-train'}")`,
    '(name = "CLASSIFY", service = "vigia-classify")',
    ...(vars.PROMETHEUS_URL ? ['(name = "PROMETHEUS", service = "any-network")'] : []),
    ...OBJECTS.map(([binding]) => objects(binding, peers)),
  ];
  const own = OBJECTS.map(([, name]) => `(className = "${name}", uniqueKey = "vigia-${name}", enableSql = true)`);
  return `(name = "vigia", worker = (${modulesOf('self-hosted')}, globalOutbound = "outbound",
      bindings = [
        ${bindings.join(',\n        ')}]${
          peers.includes('objects')
            ? ''
            : `,
      durableObjectNamespaces = [${own.join(', ')}],
      durableObjectStorage = (localDisk = "objects-on-disk")`
        }))`;
}

function train({ vars }: EdgeSettings, peers: readonly PeerName[], modulesOf: (name: BundleName) => string): string {
  const bindings = [...Object.keys(varsOfTrain(vars)).map(fromEnvironment), objects('BUCKET_ON_DISK', peers)];
  return `(name = "vigia-train", worker = (${modulesOf('vigia-train')}, globalOutbound = "outbound",
      bindings = [${bindings.join(', ')}]))`;
}

function classify(modulesOf: (name: BundleName) => string): string {
  return `(name = "vigia-classify", worker = (${modulesOf('vigia-classify')}))`;
}

function objects(binding: ObjectBinding, peers: readonly PeerName[]): string {
  const className = OBJECTS.find(([name]) => name === binding)?.[1];
  return peers.includes('objects')
    ? `(name = "${binding}", wrapped = (moduleName = "${REMOTE_OBJECTS}",
          innerBindings = [(name = "objects", service = "objects"), (name = "binding", text = "${binding}")]))`
    : `(name = "${binding}", durableObjectNamespace = (className = "${className}", serviceName = "vigia"))`;
}

function disk({ stateDir }: EdgeSettings): string {
  return `(name = "objects-on-disk", disk = (path = ${quoted(join(stateDir, 'objects'))}, writable = true))`;
}

function outbound({ vars }: EdgeSettings): string[] {
  const tls = 'tlsOptions = (trustBrowserCas = true)';
  return [
    `(name = "outbound", worker = (modules = [(name = "outbound.mjs", esModule = ${quoted(OUTBOUND)})],
      compatibilityDate = ${quoted(COMPATIBILITY_DATE)}, bindings = [
      (name = "STORAGE", text = ${quoted(storageOrigin(vars))}),
      (name = "NETWORK", service = "webhook-network"),
      (name = "STORAGE_NETWORK", service = "any-network")]))`,
    `(name = "webhook-network", network = (allow = [${webhookNetworks(vars).map(quoted).join(', ')}], ${tls}))`,
    `(name = "any-network", network = (allow = ["public", "private"], ${tls}))`,
  ];
}

function socket(name: SocketName, { https }: EdgeSettings): string {
  const serves: Record<SocketName, string> = {
    public: `service = "vigia", ${https ? HTTPS : 'http = ()'}`,
    control: 'service = (name = "vigia", entrypoint = "Control"), http = ()',
    objects: `service = (name = "vigia", entrypoint = "Objects"), ${PEER_PROTOCOL}`,
    training: `service = "vigia-train", ${PEER_PROTOCOL}`,
  };
  return `(name = "${name}", ${serves[name]})`;
}

function fromEnvironment(name: string): string {
  return `(name = "${name}", fromEnvironment = "${name}")`;
}

/** Strings of Cap'n Proto are written as those of JSON, but for the escapes of control characters, which no path of ours has. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}
