/** How Miniflare runs the Workers: the bindings of each wrangler.toml, on this machine and with state on disk. */
import { convertV4MiniflareOptions, type MiniflareOptions, NoOpLog } from 'miniflare';
import { bundleWorker, COMPATIBILITY_DATE } from './bundle-workers.ts';
import { asJsonLine } from './json-line.ts';
import { OUTBOUND, storageOrigin, webhookNetworks } from './outbound.ts';
import { varsOfTrain } from './storage-variables.ts';

export interface RuntimeSettings {
  readonly host: string;
  readonly port: number;
  readonly stateDir: string;
  readonly vars: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
}

const BUCKET = { BUCKET: 'vigia' };
const QUEUE = 'vigia-windows';
const DEAD_LETTER_QUEUE = 'vigia-windows-dead';
/** The most that a Queue takes. */
const MAX_RETRIES = 100;
const TRAINING_QUEUE = 'vigia-trainings';

const OUTBOUND_NAME = 'vigia-outbound';

export async function runtimeOptions(settings: RuntimeSettings): Promise<MiniflareOptions> {
  const { host, port, stateDir, vars, log } = settings;
  const [detect, train, classify] = await Promise.all([
    bundleWorker('vigia'),
    bundleWorker('vigia-train'),
    bundleWorker('vigia-classify'),
  ]);
  const common = { compatibilityDate: COMPATIBILITY_DATE, modulesRoot: '/' };
  return convertV4MiniflareOptions({
    cf: false,
    logRequests: false,
    log: new NoOpLog(),
    handleStructuredLogs: ({ level, message }) => log(asJsonLine(level, message)),
    resourcePersistencePath: stateDir,
    workers: [
      {
        ...common,
        name: 'vigia',
        modules: detect,
        // Straight to the Worker: Miniflare's own front Worker would cost more than most answers.
        unsafeDirectSockets: [{ host, port }],
        bindings: { WINDOW_DELIVERY: 'direct', EMBEDDED: 'true', ...vars },
        r2Buckets: BUCKET,
        queueProducers: { WINDOWS: QUEUE, TRAINING_QUEUE },
        queueConsumers: { [TRAINING_QUEUE]: { maxBatchSize: 1, maxBatchTimeout: 0 } },
        serviceBindings: {
          TRAIN: 'vigia-train',
          CLASSIFY: 'vigia-classify',
          // Only the server that the operator named is asked by this way, and that mostly stands in the same network.
          ...(vars.PROMETHEUS_URL && { PROMETHEUS: { network: { allow: ['public', 'private'] } } }),
        },
        durableObjects: {
          METRICS: { className: 'Metrics', useSQLite: true },
          WEBHOOKS: { className: 'Webhooks', useSQLite: true },
          INCIDENTS: { className: 'Incidents', useSQLite: true },
          TRAININGS: { className: 'Trainings', useSQLite: true },
          WINDOW_BUFFER: { className: 'WindowBuffer', useSQLite: true },
        },
        outboundService: OUTBOUND_NAME,
      },
      {
        ...common,
        name: 'vigia-train',
        modules: train,
        bindings: varsOfTrain(vars),
        r2Buckets: BUCKET,
        queueConsumers: {
          [QUEUE]: {
            maxBatchSize: 100,
            maxBatchTimeout: 5,
            maxRetries: MAX_RETRIES,
            deadLetterQueue: DEAD_LETTER_QUEUE,
          },
          [DEAD_LETTER_QUEUE]: { maxBatchSize: 100, maxBatchTimeout: 5, maxRetries: MAX_RETRIES },
        },
        durableObjects: { COUNTERS: { className: 'TrainCounters', useSQLite: true } },
      },
      { ...common, name: 'vigia-classify', modules: classify },
      { ...common, ...outboundWorker(vars) },
    ],
  });
}

/** Where the public Worker's calls to the outside go: a name that resolves to a private address is refused as it connects, unless it is the S3 server's. */
export function outboundWorker(vars: Readonly<Record<string, string>>) {
  return {
    name: OUTBOUND_NAME,
    modules: [{ type: 'ESModule' as const, path: 'outbound.mjs', contents: OUTBOUND }],
    bindings: { STORAGE: storageOrigin(vars) },
    serviceBindings: {
      NETWORK: { network: { allow: webhookNetworks(vars) } },
      STORAGE_NETWORK: { network: { allow: ['public', 'private'] } },
    },
  };
}
